"""What is written on a terminal: words, tables, progress, logs, and the streams that carry them."""

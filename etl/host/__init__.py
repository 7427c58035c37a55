"""What only the operating system gives: time, chance, signals, and a file that processes share."""

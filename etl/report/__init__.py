"""A report for a colleague: what it says as data, and how it looks as a page and as Markdown."""

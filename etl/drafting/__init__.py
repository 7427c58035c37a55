"""Writes the first mapping of a table, by looking at its structure and at some of its values."""

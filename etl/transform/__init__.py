"""Turns the rows of a page into the values of events, column by column, and into problems; pure."""

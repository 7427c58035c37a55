"""Reads the source database through SQLAlchemy: what is new, in order, page by page, no transaction left open."""

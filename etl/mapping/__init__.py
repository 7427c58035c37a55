"""The mapping file as checked, frozen values, and everything that can be said of it without a database."""

"""A local stand-in for the receiver's API, with a page to look at what arrived; never part of a real run."""

"""A local stand-in for the receiver's API, with a page that shows the events that arrived; never part of a real run."""

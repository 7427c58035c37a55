"""What an answer of the API means for the events of its request; pure."""

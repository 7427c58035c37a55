"""Decides what is sent when, retried and settled: a pure state machine, with time and chance as arguments."""

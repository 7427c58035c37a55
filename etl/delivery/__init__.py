"""Decides what is sent when, what is retried and what is settled: a pure state machine; time and chance are arguments."""

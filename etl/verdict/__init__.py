"""Judges answers: what an answer of the API means for the events of its request, as a pure function."""

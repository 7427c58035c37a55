"""Checkpoints, ledger, dead letters, runs and locks, on SQLite or PostgreSQL."""

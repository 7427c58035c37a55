"""Reports runs: figures for Prometheus, pings for a cron monitor, messages to people. None of them can stop a run."""

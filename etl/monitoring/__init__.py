"""What machines are told of a run: figures for Prometheus, and pings for a cron monitor. Neither can stop a run."""

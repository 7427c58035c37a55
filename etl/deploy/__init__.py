"""Ready-made ways to run the job: one plan, rendered for cron, systemd, Kubernetes, Airflow and Docker."""

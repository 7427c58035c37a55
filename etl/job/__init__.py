"""One piece of work on a mapping: run, backfill, retry, preview, explain, and their dry runs, over ports."""

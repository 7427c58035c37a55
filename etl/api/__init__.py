"""The adapter to the API: one request in, one answer or failure out, over httpx and httpcore."""

"""An event as it leaves: its bytes, the hashes that tell it from the last one, and whom it is about."""

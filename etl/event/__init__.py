"""Makes a row's values an event: its JSON bytes, the hashes that show a change, and the identities it is about."""

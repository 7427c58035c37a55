"""How the SHA-256 of an e-mail address looks; by itself, because `status` may not load what reads addresses."""

from __future__ import annotations

import re

HASHED = re.compile(r"[0-9a-f]{64}")

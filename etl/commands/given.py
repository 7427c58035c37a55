"""What a caller gave, checked in one place for the command line and for Python.

The rule: each function raises ValueError with words for people, without the name of the option, which the caller knows.
"""

from __future__ import annotations

import re

MOST_WORKERS = 64
# Dask's own way to write it; without a name or a password, of which it knows none.
_SCHEDULER = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5}/?", re.ASCII)


def parse_workers(given: int | str) -> int | str:
    """How many processes, from 1 to 64, or the address of a Dask scheduler. Raises ValueError, without what was given.

    A number may be a text, as it is on a command line.
    """
    if isinstance(given, str) and _SCHEDULER.fullmatch(given):
        return given.rstrip("/")
    count = int(given) if isinstance(given, str) and re.fullmatch(r"\d{1,9}", given, re.ASCII) else given
    if isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= MOST_WORKERS:
        return count
    raise ValueError(
        f"a number from 1 to {MOST_WORKERS}, or the scheduler of a Dask cluster, such as tcp://10.0.0.5:8786"
    )

"""When a run has to end, from the options `--max-runtime` and `--deadline`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from etl.clock import Clock
from etl.errors import UsageProblem
from etl.mapping.quantities import parse_duration


def running_end(max_runtime: str | None, *, clock: Clock) -> float | None:
    """The end by `--max-runtime` on the monotonic clock, in seconds. Raises `UsageProblem`."""
    if max_runtime is None:
        return None
    try:
        return clock.monotonic() + parse_duration(max_runtime).total_seconds()
    except ValueError as problem:
        raise UsageProblem(f"--max-runtime: {problem}", hint="such as 90m or 2h") from None


def clock_end(deadline: str | None, *, clock: Clock) -> datetime | None:
    """The end by `--deadline`, the next such local time; aware, UTC. Raises `UsageProblem`."""
    if deadline is None:
        return None
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", deadline, re.ASCII):
        raise UsageProblem("--deadline: not a time of the day", hint="such as 06:00")
    hour, minute = map(int, deadline.split(":"))
    # Naive, so that the system's zone is asked again for that moment: it may lie behind a change of summer time.
    now = clock.utc_now().astimezone().replace(tzinfo=None)
    end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (end if end > now else end + timedelta(days=1)).astimezone(UTC)

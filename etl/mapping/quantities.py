"""Durations, sizes and rates as people write them: `60s`, `512KiB`, `5%`.

A number without its unit is refused where the unit could be mistaken; each parser raises ValueError for people.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta

DURATION_PATTERN = r"^(\d+(\.\d+)?(ms|s|m|h|d|w))+$"
SIZE_PATTERN = r"^\d+(\.\d+)?(B|KB|kB|KiB|MB|MiB)$"
RATE_PATTERN = r"^\d+(\.\d+)?%$"

_LONGEST_NUMBER = 15
_ONE_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_DURATION = re.compile(DURATION_PATTERN, re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|KB|kB|KiB|MB|MiB)", re.ASCII)
_RATE = re.compile(r"(\d+(?:\.\d+)?) ?%", re.ASCII)


def parse_duration(value: object) -> timedelta:
    """`90s`, `10m`, `1h30m`, `500ms`, `2d`, `1w` as a timedelta. 0 needs no unit."""
    if isinstance(value, timedelta):
        return value
    if value == 0 and not isinstance(value, bool):
        return timedelta()
    if isinstance(value, str) and _DURATION.fullmatch(value):
        seconds = sum(float(number) * _seconds(unit) for number, unit in _ONE_DURATION.findall(value))
        if seconds <= timedelta.max.total_seconds() / 1000:
            return timedelta(seconds=seconds)
        raise ValueError("too long a duration")
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = value if isinstance(value, int) and 0 < value < 10_000 else 60
        raise ValueError(f"expected a duration with its unit, such as {number}s or {number}m")
    raise ValueError("expected a duration, such as 60s, 10m, 1h or 2d")


def parse_size(value: object) -> int:
    """`512KiB`, `1MiB`, `500KB` or a plain number of bytes, as bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)) and len(found[1]) <= _LONGEST_NUMBER:
        return int(float(found[1]) * _bytes(found[2]))
    raise ValueError("expected a size, such as 512KiB or 1MiB")


def parse_rate(value: object) -> float:
    """`5%` or 0.05 as a share between 0 and 1."""
    if isinstance(value, str) and (found := _RATE.fullmatch(value)) and len(found[1]) <= _LONGEST_NUMBER:
        share = float(found[1]) / 100
    elif isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value) if abs(value) < 1e9 else math.inf
    else:
        raise ValueError("expected a share, such as 5% or 0.05")
    if 0 <= share <= 1:
        return share
    raise ValueError(f"expected a share between 0% and 100%, such as 5% or 0.05{_percent_meant(value)}")


def _percent_meant(value: object) -> str:
    return f"; did you mean {value}%?" if isinstance(value, int | float) and 1 < value <= 100 else ""


def _seconds(unit: str) -> float:
    return {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[unit]


def _bytes(unit: str) -> int:
    return {"B": 1, "KB": 1000, "kB": 1000, "KiB": 1024, "MB": 1_000_000, "MiB": 1_048_576}[unit]

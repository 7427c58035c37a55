"""What the body of an answer says, apart from its status: success, counts and errors.

Only a whole JSON object says anything; a half one, however plausible, is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Body:
    """What a JSON answer says. None = it does not say."""

    success: bool | None
    count: int | None
    errors: object | None
    whole: Mapping[str, object]


def read_body(body: bytes) -> Body | None:
    """The body as JSON object, or None. A byte order mark is allowed: PHP files often begin with one."""
    try:
        whole = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(whole, dict):
        return None
    counts = [count for count in map(_count, (whole.get("created"), whole.get("processed"))) if count is not None]
    return Body(_success(whole.get("success")), max(counts, default=None), _errors(whole.get("errors")), whole)


def _success(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().casefold())
    return bool(value) if value in (True, False) else None


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _errors(value: object) -> object | None:
    """The errors, or None where the value says that there are none."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return value if any(item not in (None, "", False) for item in items) else None

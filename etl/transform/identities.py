"""Whom an event is about.

The rule: events that share one of these never overtake each other, so an identity is written in one way only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat


def identities(event: Mapping[str, object]) -> tuple[str, ...]:
    """The event's "u:<userid>" and "e:<email>", those that it has, in this order."""
    userid = event.get("userid")
    email = event.get("email")
    if userid is None:
        return () if email is None else (f"e:{email}",)
    return (f"u:{userid}",) if email is None else (f"u:{userid}", f"e:{email}")


def identities_of(events: Sequence[dict[str, object]]) -> list[tuple[str, ...]]:
    """The `identities` of each of `events`; quicker than one by one, since few mappings have a userid."""
    if any(map(dict.__contains__, events, repeat("userid"))):
        return list(map(identities, events))
    return [() if email is None else (f"e:{email}",) for email in map(dict.get, events, repeat("email"))]

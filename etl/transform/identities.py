"""Whom an event is about.

The rule: events that share one of these never overtake each other, so an identity is written in one way only.
"""

from __future__ import annotations

from collections.abc import Sequence


def identities(email: object, userid: object) -> tuple[str, ...]:
    """An event's "u:<userid>" and "e:<email>", those that are not None, in this order."""
    if userid is None:
        return () if email is None else (f"e:{email}",)
    return (f"u:{userid}",) if email is None else (f"u:{userid}", f"e:{email}")


def identities_of(
    emails: Sequence[object] | None, userids: Sequence[object] | None, count: int
) -> list[tuple[str, ...]]:
    """The `identities` of `count` events, by column; None is a field that the mapping lacks."""
    if userids is None and emails is not None:
        # Most mappings.
        return [() if email is None else (f"e:{email}",) for email in emails]
    nobody = [None] * count
    return list(map(identities, emails or nobody, userids or nobody))

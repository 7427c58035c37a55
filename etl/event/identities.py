"""The identities of an event: whom it is about.

The rule: events that share an identity never overtake each other, so an identity has one spelling only. An address and
its SHA-256 are the same identity; addresses are hashed only once a hash has been seen, because hashing costs a
twentieth of sending.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain

from etl.mapping.hashed import HASHED

# "e:" and 64 hexadecimal digits.
_HASHED_LENGTH = 66


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
        # As in most mappings.
        return [() if email is None else (f"e:{email}",) for email in emails]
    missing = [None] * count
    return list(map(identities, emails or missing, userids or missing))


def may_hold_hashes(of_events: Iterable[Iterable[str]]) -> bool:
    """Whether an identity of an event may be the hash of an address: a quick test that may wrongly say yes."""
    return _HASHED_LENGTH in set(map(len, chain.from_iterable(of_events)))


def hashed(identities: Iterable[str]) -> Iterator[str]:
    """`identities` with each address as its SHA-256, as the receiver hashes it; hashes stay as they are."""
    for one in identities:
        if one.startswith("e:") and not HASHED.fullmatch(one, 2):
            yield f"e:{sha256(one[2:].encode('utf-8', 'surrogatepass')).hexdigest()}"
        else:
            yield one

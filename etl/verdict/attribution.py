"""Finds the event of each error in an answer, for all known shapes of `errors`.

The event is never guessed: if one error names no event, or one that was not sent, the whole answer counts as one
without details, and halving finds the guilty events. Whether indexes count from 0 or from 1 shows if one of them is 0,
if one event was sent, or if the answer repeats an address or a user id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from etl.verdict.redaction import IDENTITIES, Sent
from etl.verdict.refusal import Refusal, read_refusal

_INDEX_FIELDS = ("index", "event_index", "key", "position")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")
# Names of the sent list in paths such as `events.6.email`, `events[6].email`, `/events/6/email`.
_LISTS = ("events", "items", "records", "entries")
_PATH_FIELDS = (
    "field",
    "path",
    "pointer",
    "property",
    "propertypath",
    "instancepath",
    "loc",
    "source",
    "target",
    "param",
)
_PATH = re.compile(rf"(?:^|[./$])(?:{'|'.join(_LISTS)})(?:[./]|\[)(0|[1-9][0-9]{{0,8}})(?:[\]./]|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attributed:
    """Errors by the index of their event in the request, from 0.

    counts_from: what the answer's own indexes count from, 0 or 1; None: unknown, and 0 is assumed.
    """

    errors: dict[int, Refusal]
    counts_from: int | None


def attribute(errors: object, *, events: int, otherwise: str, sent: Sent) -> Attributed | None:
    """Each error with its event; None if some error cannot be given to an event.

    errors: the non-empty value of `errors`; events: how many were sent. The rest is as in `read_refusal`.
    """
    errors = _without_the_name_of_the_list(errors)
    counted = _by_field(errors) or _by_key(errors) or _by_path(errors)
    named = counted or _by_place(errors, events=events) or _by_identity(errors, sent=sent)
    if not named:
        return None
    ways = _ways_to_count(named, events=events, sent=sent) if counted else {0}
    if not ways:
        return None
    first = min(ways)
    found = {
        index - first: read_refusal(each[0] if len(each) == 1 else each, otherwise=otherwise, sent=sent)
        for index, each in sorted(named.items())
    }
    return Attributed(found, first if len(ways) == 1 else None)


def _ways_to_count(named: Mapping[int, list[object]], *, events: int, sent: Sent) -> set[int]:
    """What the indexes may count from, 0 or 1."""
    ways = {first for first in (0, 1) if all(0 <= index - first < events for index in named)}
    if 1 in ways:
        echoed = {index - of for index, error in named.items() for of in sent.events_named_in(error)}
        if echoed:
            # A text may also mention events other than its own.
            return ways & echoed
        if ways == {1} and events > 1:
            # An index equal to the number of events: perhaps of an event that was not sent (C12).
            return set()
    return ways


def _by_field(errors: object) -> dict[int, list[object]] | None:
    """For objects with an integer index, or a single such object."""
    items = [errors] if isinstance(errors, dict) else errors
    if not isinstance(items, list):
        return None
    named: dict[int, list[object]] = {}
    for item in items:
        index = _index_of(item)
        if index is None:
            return None
        named.setdefault(index, []).append(item)
    return named


def _index_of(item: object) -> int | None:
    if not isinstance(item, Mapping):
        return None
    for name in _INDEX_FIELDS:
        value = item.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _DECIMAL.match(value):
            return int(value)
    return None


def _by_key(errors: object) -> dict[int, list[object]] | None:
    """For an object whose keys are decimal indexes; null stands for a good event."""
    if not isinstance(errors, dict) or not all(_DECIMAL.match(key) for key in errors):
        return None
    return {int(key): [value] for key, value in errors.items() if value is not None}


def _without_the_name_of_the_list(errors: object) -> object:
    """The value in `{"events": …}`, if there is no other key; otherwise `errors` itself."""
    if isinstance(errors, dict) and len(errors) == 1:
        [(name, inner)] = errors.items()
        if name.lower() in _LISTS and isinstance(inner, dict | list):
            return inner
    return errors


def _by_path(errors: object) -> dict[int, list[object]] | None:
    """For an object whose keys are paths into the request, or objects with such a path in a field."""
    if isinstance(errors, dict):
        found = [(_index_in_path(name), value) for name, value in errors.items() if value is not None]
    elif isinstance(errors, list):
        found = [(_index_in_paths(item), item) for item in errors]
    else:
        return None
    named: dict[int, list[object]] = {}
    for index, error in found:
        if index is None:
            return None
        named.setdefault(index, []).append(error)
    return named


def _index_in_paths(item: object) -> int | None:
    if not isinstance(item, dict):
        return None
    indexes = (_index_in_path(value) for name, value in item.items() if name.lower() in _PATH_FIELDS)
    return next((index for index in indexes if index is not None), None)


def _index_in_path(path: object) -> int | None:
    match path:
        case str():
            found = _PATH.search(path)
            return int(found[1]) if found else None
        case list():
            return _index_in_path(".".join(map(str, path)))
        case dict():
            return _index_in_path(path.get("pointer"))
        case _:
            return None


def _by_place(errors: object, *, events: int) -> dict[int, list[object]] | None:
    """For a list as long as the batch with null for good events; without a null it may be a plain list of texts."""
    if not isinstance(errors, list) or len(errors) != events or None not in errors:
        return None
    return {index: [value] for index, value in enumerate(errors) if value is not None}


def _by_identity(errors: object, *, sent: Sent) -> dict[int, list[object]] | None:
    """For an object whose keys are addresses or user ids that were sent, or objects with such a field.

    An error about an identity counts for each event with that identity.
    """
    pairs: Iterable[tuple[object, object]]
    if isinstance(errors, dict) and not any(name in errors for name in IDENTITIES):
        pairs = ((key, value) for key, value in errors.items() if value is not None)
    else:
        items = [errors] if isinstance(errors, dict) else errors
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            return None
        pairs = ((next((item[name] for name in IDENTITIES if item.get(name)), None), item) for item in items)
    named: dict[int, list[object]] = {}
    for identity, error in pairs:
        events = sent.events_of(str(identity))
        if not events:
            return None
        for at in events:
            named.setdefault(at, []).append(error)
    return named

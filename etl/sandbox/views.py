"""What the page and the tests are told about arrivals: rows of the list, and one event in full.

Values arrive in the browser as finished text, so no number loses a digit and nothing an event holds can become markup.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import orjson

from etl.csv_line import csv_line
from etl.mapping.catalogue import CONSENT_FIELDS, CUSTOM_PREFIX, FIELDS, PRODUCT_FIELDS, ReceiverField
from etl.sandbox.arrivals import Arrival

_EVENT = ReceiverField("event", "text", "the event's name, known to the receiver or custom", "doc", "every event")
_PRODUCTS = ReceiverField("products", "list", "a list of objects, each with its SKU as id", "doc", "Purchase")
_CUSTOM = ReceiverField(
    "custom_…",
    "text, number, date, yes/no or list",
    "create the field in the account under this name first, or the receiver drops it silently",
    "doc",
)
_EXTRA = ReceiverField("extra_fields", "", "a field that this account knows", "open")
_SEEN_IN_PROFILE = "the real account does not show it in the event, only in the profile"


def summary(arrival: Arrival) -> dict[str, object]:
    """The list's row of `arrival`, JSON-ready. `time` is the event's own timestamp as sent, None when it has none."""
    time = arrival.time
    return {
        "id": arrival.number,
        "time": time if isinstance(time, str | int | float) else None,
        "event": arrival.name,
        "identity": arrival.identity,
        "email": arrival.email,
        "userid": arrival.userid,
        "created_at": datetime.fromtimestamp(arrival.created_at, UTC).isoformat(timespec="milliseconds"),
        "accepted": not arrival.refusals,
        "api_inserted": arrival.inserted,
        "api_verified": arrival.verified,
        "reasons": [{"code": each.code, "field": each.field, "message": each.words} for each in arrival.refusals],
    }


def summaries(arrivals: Iterable[Arrival], *, with_content: bool) -> Iterator[dict[str, object]]:
    """The rows of `arrivals`; `with_content` adds the event as it was sent, under `content`."""
    parsed: dict[int, list[object]] = {}  # a request's events, once for all of them: id(body) → events
    for arrival in arrivals:
        row = summary(arrival)
        if with_content:
            if id(arrival.body) not in parsed:
                parsed[id(arrival.body)] = _events(arrival.body)
            row["content"] = orjson.Fragment(one_line(parsed[id(arrival.body)][arrival.place]))
        yield row


def as_csv(arrivals: Iterable[Arrival]) -> str:
    """`arrivals` as CSV with a header: the list's columns, then every field that one of them has, as it was sent."""
    parsed = [(each, _events(each.body)[each.place]) for each in arrivals]
    events = [event if isinstance(event, dict) else {"event": event} for _, event in parsed]
    names = list(dict.fromkeys(name for event in events for name in event))
    lines = [csv_line(["id", "created_at", "accepted", "api_inserted", "api_verified", "reasons", *names])]
    for (arrival, _), event in zip(parsed, events, strict=True):
        row = summary(arrival)
        reasons = "; ".join(f"{each.code} {each.field}".strip() for each in arrival.refusals)
        lines.append(
            csv_line(
                [
                    *(row[name] for name in ("id", "created_at", "accepted", "api_inserted", "api_verified")),
                    reasons,
                    *(_text(event[name]) if name in event else "" for name in names),
                ]
            )
        )
    return "\r\n".join([*lines, ""])


def in_full(arrival: Arrival, *, extra_fields: AbstractSet[str] = frozenset()) -> dict[str, object]:
    """The row of `arrival`, its JSON as text under `raw`, and its fields beside the catalogue's rules.

    `extra_fields`: names that the account knows though the catalogue does not.
    """
    event = _events(arrival.body)[arrival.place]
    fields = list(_fields(event, extra_fields)) if isinstance(event, dict) else []
    return {**summary(arrival), "raw": indented(event), "fields": fields}


def is_about(arrival: Arrival, identity: str) -> bool:
    """Whether `identity` (lower case) is part of the address or user id, or the address whose hash was sent."""
    if identity in arrival.email.lower() or identity in arrival.userid.lower():
        return True
    return "@" in identity and arrival.email.lower() == hashlib.sha256(identity.encode()).hexdigest()


def _events(body: bytes) -> list[object]:
    envelope = parse_exactly(body)
    assert isinstance(envelope, dict)
    events = envelope["events"]
    assert isinstance(events, list)
    return events


def _fields(event: Mapping[str, object], extra_fields: AbstractSet[str]) -> Iterator[dict[str, object]]:
    for name, value in event.items():
        if name == "products" and isinstance(value, list) and value:
            for place, product in enumerate(value, start=1):
                yield from _product_fields(product, place=place)
        else:
            yield _field(name, f"{name}", value, _EXTRA if name in extra_fields else _known(name))


def _product_fields(product: object, *, place: int) -> Iterator[dict[str, object]]:
    if not isinstance(product, dict):
        yield _field("products", f"products {place}", product, _PRODUCTS)
        return
    for name, value in product.items():
        yield _field(f"products.{name}", f"products {place}, {name}", value, PRODUCT_FIELDS.get(name))


def _field(name: str, label: str, value: object, known: ReceiverField | None) -> dict[str, object]:
    return {
        "name": name,
        "label": label,
        "value": _text(value),
        "type": known.type if known else "",
        "rule": _rule(known) if known else "not a field of the receiver: it is dropped silently",
        "needed_for": known.needed_for if known else "",
        "sure": known.sure if known else "",
        "known": known is not None,
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else one_line(value)


def _rule(known: ReceiverField) -> str:
    return f"{known.rule}; {_SEEN_IN_PROFILE}" if known.name in CONSENT_FIELDS else known.rule


def _known(name: str) -> ReceiverField | None:
    if name.startswith(CUSTOM_PREFIX):
        return _CUSTOM
    return {"event": _EVENT, "products": _PRODUCTS}.get(name) or FIELDS.get(name)


class _Number(str):
    """A JSON number's own characters."""

    __slots__ = ()


def parse_exactly(body: bytes) -> object:
    """`body` (known to be JSON) as Python values; numbers keep their characters."""
    return json.loads(body, parse_int=_Number, parse_float=_Number)


def indented(value: object, *, depth: int = 0) -> str:
    """`value` from `parse_exactly` as JSON with two spaces a level; what is short stays on one line."""
    flat = one_line(value)
    if not isinstance(value, dict | list) or (depth and len(flat) <= 60):
        return flat
    pad = "  " * (depth + 1)
    lines = ",\n".join(pad + part for part in _parts(value, depth=depth + 1))
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{lines}\n{'  ' * depth}{closing}" if lines else flat


def one_line(value: object) -> str:
    """`value` from `parse_exactly` as JSON on one line."""
    match value:
        case _Number():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{_quoted(name)}: {one_line(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(one_line(inner) for inner in value) + "]"
        case _:
            return _quoted(value)


def _parts(value: dict[str, object] | list[object], *, depth: int) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{_quoted(name)}: {indented(inner, depth=depth)}"
    else:
        for inner in value:
            yield indented(inner, depth=depth)


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

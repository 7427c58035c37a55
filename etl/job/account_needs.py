"""What the receiving account needs, judged by a sample of rows: custom fields to create, and what it will not show.

The rule: examples are invented, so that no row's value appears.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from etl.mapping.catalogue import CONSENT_FIELDS, CUSTOM_PREFIX
from etl.mapping.hashed import HASHED
from etl.mapping.model import Mapping as MappingModel
from etl.transform.transformer import Transformed

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WHOLE_NUMBER = "12"
_EXAMPLES = {"text": "blue", "number": "12.5", "date": "2024-01-31", "yes/no": "yes", "list": '["a", "b"]'}
_KIND_OF_TYPE = {
    **dict.fromkeys(("integer", "number", "decimal"), "number"),
    **dict.fromkeys(("boolean", "yes_no"), "yes/no"),
    **dict.fromkeys(("date", "datetime"), "date"),
    "list": "list",
}


class FieldToCreate(NamedTuple):
    """A custom field that the account must have; `kind` is text, number, date, yes/no or list."""

    field: str
    kind: str
    example: str


class Need(NamedTuple):
    """Something a person should know about the account: the place in the mapping, the fact, and what to do."""

    place: str
    words: str
    hint: str


def fields_to_create(mapping: MappingModel, sampled: Transformed) -> list[FieldToCreate]:
    """The custom fields of `mapping`, by their declared type or else by the values of the sample."""
    found: list[FieldToCreate] = []
    for name, rule in mapping.fields.items():
        if name.startswith(CUSTOM_PREFIX) and name not in mapping.extra_fields:
            values = [value for value in sampled.columns.get(name, ()) if value is not None]
            kind = _KIND_OF_TYPE.get(rule.type or "") or ("text" if rule.type == "text" else _kind(values))
            whole = kind == "number" and _are_whole(values, declared=rule.type)
            found.append(FieldToCreate(name, kind, _WHOLE_NUMBER if whole else _EXAMPLES[kind]))
    return found


def needs(mapping: MappingModel, sampled: Transformed) -> Iterator[Need]:
    """What the receiver would accept although it is probably a mistake, or will not be visible in the account."""
    columns = sampled.columns
    languages = _distinct(columns, "language")
    if mapping.products is not None and "language" not in mapping.products.fields and len(languages) > 1:
        yield Need(
            "products.fields",
            f"the rows have {len(languages)} languages, and the products carry none",
            "an account with several languages needs it in each product: language: {parent: …}",
        )
    currencies = _distinct(columns, "currency")
    if len(currencies) > 1 and any(value is None for value in columns["currency"]) and _amounts(columns):
        yield Need(
            "fields.currency",
            f"the rows have {len(currencies)} currencies, and some have none",
            "destination.multiple_currencies: true refuses amounts without one",
        )
    emails = _distinct(columns, "email")
    if emails and all(HASHED.fullmatch(one) for one in emails):
        yield Need(
            "fields.email",
            "only hashes are sent: a hash never gives a profile its address",
            "the address itself must reach the account once, by another mapping or the shop's site",
        )
    if consent := [name for name in CONSENT_FIELDS if name in mapping.fields]:
        yield Need(
            "fields",
            f"{', '.join(consent)}: the account shows consent of such events in the profile only, not in the event",
            "look for it in the profile",
        )


def _amounts(columns: Mapping[str, Sequence[Any]]) -> bool:
    return "totalvalue" in columns or any("price" in one for row in columns.get("products", ()) for one in row or ())


def _distinct(columns: Mapping[str, Sequence[Any]], name: str) -> set[str]:
    return {value for value in columns.get(name, ()) if isinstance(value, str)}


def _are_whole(values: Sequence[object], *, declared: str | None) -> bool:
    """Whether a field of numbers holds whole ones: by its declared type, or by the values of the sample."""
    return declared == "integer" or (bool(values) and all(isinstance(value, int) for value in values))


def _kind(values: Sequence[object]) -> str:
    if not values:
        return "text"
    if all(isinstance(value, list) for value in values):
        return "list"
    if not any(isinstance(value, str | list | dict) for value in values):
        return "number"
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        return "text"
    if {"yes", "no"}.issuperset(texts):
        return "yes/no"
    return "date" if all(_DAY.match(value) for value in texts) else "text"

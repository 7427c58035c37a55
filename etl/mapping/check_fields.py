"""Checks of the fields of events and products: their names, and where their values come from.

Names are checked at loading time (B20), because the receiver silently drops a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from etl.mapping.catalogue import (
    CUSTOM_PREFIX,
    FIELDS,
    IDENTITY_FIELDS,
    PRODUCT_FIELDS,
    RESERVED_FIELDS,
    UNIQUE_FIELDS,
    ReceiverField,
)
from etl.mapping.document import Finding, Path
from etl.mapping.lookup import section, text, texts
from etl.mapping.nearest import did_you_mean, nearest

SOURCES = ("column", "value", "template", "parent")

_CUSTOM = re.compile(r"custom_[A-Za-z0-9][A-Za-z0-9_]*", re.ASCII)
_LONGEST_CUSTOM = 64
_NO_EFFECT_ON_A_CONSTANT = ("map", "transform", "default", "required", "on_invalid", "empty")


def check_fields(data: object) -> Iterator[Finding]:
    """Problems of the `fields` section."""
    fields = section(data, "fields")
    if not fields:
        if "fields" in section(data) and isinstance(section(data)["fields"], dict):
            yield Finding(("fields",), _no_identity(), at_key=True)
        return
    extra = texts(data, "extra_fields")
    for name in fields:
        if name not in extra and (words := _wrong_name(name)):
            yield Finding(("fields", name), words, at_key=True)
    yield from _check_extra(extra)
    yield from _collisions(fields)
    for name, rule in fields.items():
        yield from check_rule(("fields", name), rule, inside_products=False)
    if not any(name in fields for name in IDENTITY_FIELDS):
        yield Finding(("fields",), _no_identity(), at_key=True)


def _check_extra(extra: Sequence[str]) -> Iterator[Finding]:
    for name in extra:
        if name in RESERVED_FIELDS:
            words = f'"{name}" has a section of its own; write {RESERVED_FIELDS[name]} at the top level'
        elif name != name.strip() or not name.isprintable() or len(name) > _LONGEST_CUSTOM:
            words = f"a field's name is one line of at most {_LONGEST_CUSTOM} characters, without spaces at its ends"
        else:
            continue
        yield Finding(("extra_fields",), words)
        return


def check_rule(path: Path, rule: object, *, inside_products: bool) -> Iterator[Finding]:
    """Problems of where one field's value comes from."""
    if not isinstance(rule, dict):
        return
    sources = [key for key in SOURCES if key in rule]
    choices = "column, value, template and parent" if inside_products else "column, value and template"
    if not inside_products and "parent" in rule:
        yield Finding((*path, "parent"), "parent stands inside products only; write column", at_key=True)
    elif not sources and not any(nearest(key, SOURCES) for key in rule):
        yield Finding(path, f"needs one of {choices}")
    elif len(sources) > 1:
        yield Finding(path, f"takes only one of {choices}; has {' and '.join(sources)}")


def warn_fields(data: object) -> Iterator[Finding]:
    """What is allowed in `fields`, but probably not meant."""
    fields = section(data, "fields")
    yield from _warn_rules(("fields",), fields, FIELDS)
    for name in texts(data, "extra_fields"):
        if name in FIELDS:
            yield Finding(("extra_fields",), f'"{name}" is a known field; it needs no place here')
        elif name not in fields:
            words = f'"{name}" is not among the fields, so nothing sends it{did_you_mean(name, fields)}'
            yield Finding(("extra_fields",), words)
    if fields and "timestamp" not in fields:
        yield Finding(
            ("fields",),
            "no timestamp: the receiver stamps each event with its arrival, so a backfill would look like today",
            at_key=True,
        )
    keys = texts(data, "source", "primary_key")
    if (column := _column(fields.get("userid"))) is not None and column in keys:
        yield Finding(
            ("fields", "userid"),
            f"is the primary key {column}; userid is the highest identity, and an internal id there splits profiles",
        )
    for name in fields:
        if name in UNIQUE_FIELDS and (merged := _merges(name, section(data, "fields", name))):
            yield Finding(("fields", name), merged)
    yield from _warn_rules(("products", "fields"), section(data, "products", "fields"), PRODUCT_FIELDS)


def product_name_problem(name: str) -> str | None:
    """Why `name` cannot be a field of a product; None when it can."""
    if name in PRODUCT_FIELDS:
        return None
    return f"not a field of a product{_meant(name, PRODUCT_FIELDS)}"


def _no_identity() -> str:
    return "no email and no userid: the receiver knows a profile by one of them; map at least one"


def _wrong_name(name: str) -> str | None:
    if name in FIELDS:
        return None
    if name in RESERVED_FIELDS:
        return f"has a section of its own; write {RESERVED_FIELDS[name]} at the top level"
    if name.startswith(CUSTOM_PREFIX):
        return _wrong_custom(name)
    if meant := nearest(name, FIELDS):
        return f'not a known field; did you mean "{meant}"? (custom fields start with {CUSTOM_PREFIX})'
    own = f"{CUSTOM_PREFIX}{name.lower()}"
    example = "" if _wrong_custom(own) else f", such as {own}"
    return f"not a known field; custom fields start with {CUSTOM_PREFIX}{example}"


def _wrong_custom(name: str) -> str | None:
    if name == CUSTOM_PREFIX:
        return "a custom field needs a name after custom_"
    if len(name) > _LONGEST_CUSTOM:
        return f"a custom field's name has at most {_LONGEST_CUSTOM} characters"
    if not _CUSTOM.fullmatch(name):
        return "a custom field's name has only letters A-Z, digits and _ after custom_"
    return None


def _collisions(fields: Mapping[str, object]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in fields:
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            yield Finding(("fields", name), f'differs from "{first}" only in upper and lower case', at_key=True)


def _warn_rules(path: Path, fields: Mapping[str, object], known: Mapping[str, ReceiverField]) -> Iterator[Finding]:
    for name, rule in fields.items():
        if not isinstance(rule, dict):
            continue
        if "value" in rule:
            idle = [key for key in _NO_EFFECT_ON_A_CONSTANT if key in rule]
            if idle:
                yield Finding((*path, name, idle[0]), "has no effect beside value, which is constant", at_key=True)
        elif "default" in rule and rule.get("required") is True:
            yield Finding((*path, name, "required"), "has no effect beside default", at_key=True)
        table = rule.get("map")
        if isinstance(table, dict) and any(not str(key).strip() for key in table) and rule.get("empty") != "keep":
            words = "the empty key never matches: a blank text is missing; use default, or empty: keep"
            yield Finding((*path, name, "map"), words, at_key=True)
        declared = text(rule, "type")
        if name in known and declared is not None and _kind(declared) != _kind(known[name].type):
            yield Finding((*path, name, "type"), f"the receiver expects {known[name].type} here: {known[name].rule}")


def _merges(name: str, rule: Mapping[str, object]) -> str | None:
    one = "purchase" if name == "orderid" else "profile"
    if "value" in rule:
        return f"is a constant: all rows would be one {one}"
    if "default" in rule:
        return f"has a default: all rows without a value of their own would be one {one}; leave it out"
    return None


def _kind(type_name: str) -> str:
    return "number" if type_name in ("number", "decimal", "integer") else type_name


def _column(rule: object) -> str | None:
    return rule if isinstance(rule, str) else text(rule, "column")


def _meant(name: str, known: Mapping[str, ReceiverField]) -> str:
    if found := nearest(name, known):
        return f'; did you mean "{found}"?'
    return f"; known: {', '.join(known)}" if known else ""

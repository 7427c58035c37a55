"""Checks that concern several keys of a mapping.

They work on the plain data, which may be wrong anywhere, not on the model, so that their findings come together with
the model's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import timedelta

from etl.mapping.catalogue import EVENTS
from etl.mapping.check_fields import check_fields, check_rule, product_name_problem, warn_fields
from etl.mapping.codes import WITHDRAWN_CURRENCIES
from etl.mapping.document import Finding, Path
from etl.mapping.guards import check_guards
from etl.mapping.lookup import empties, items, part, section, text, texts
from etl.mapping.nearest import did_you_mean, nearest
from etl.mapping.template import template_columns
from etl.mapping.values import parse_span

_ORDERED = re.compile(r"(.*\S)\s+(asc|desc)", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_ONLY_WITH_TABLE = ("match", "order_by", "where")


def problems(data: object) -> Iterator[Finding]:
    """Everything that makes the mapping unusable and that no single key shows."""
    yield from empties(data)
    yield from _check_tables(data)
    yield from _check_source(data)
    yield from check_fields(data)
    yield from _check_products(data)
    yield from check_account(data)
    yield from _check_resend(data)
    yield from check_guards(data)
    yield from _check_examples(data)


def warnings(data: object, *, filled: AbstractSet[Path]) -> Iterator[Finding]:
    """What is allowed, but probably not meant. `filled` are the paths whose value a variable gave."""
    yield from _warn_source(data)
    yield from _warn_event(data)
    yield from _warn_currencies(data)
    yield from warn_fields(data)
    yield from _warn_purchase(data)
    yield from _warn_secrets(data, filled)
    yield from _warn_examples(data)


def _check_tables(data: object) -> Iterator[Finding]:
    for place in ("source", "products"):
        if "://" in (text(section(data, place), "table") or ""):
            yield Finding((place, "table"), "is a URL; write the name of a table, and the URL as source.url")


def _check_source(data: object) -> Iterator[Finding]:
    source = section(data, "source")
    if not source:
        return
    if "table" in source and "query" in source:
        yield Finding(("source",), "takes only one of table and query", at_key=True)
    if "table" not in source and "query" not in source:
        yield Finding(("source",), "needs a table or a query", at_key=True)
    table = text(source, "table")
    if table is not None and re.match(r"\s*(select|with)\s", table, re.IGNORECASE):
        yield Finding(("source", "table"), "is a statement; write it as `query`")
    for key in ("cursor_field", "primary_key"):
        for name in texts(source, key):
            if found := _ORDERED.fullmatch(name):
                words = f'rows are read in ascending order only; write the column\'s name, "{found[1]}"'
                yield Finding(("source", key), words)
                break


def _check_products(data: object) -> Iterator[Finding]:
    products = section(data, "products")
    if products:
        yield from _check_form(products)
        yield from _check_product_fields(products)


def _check_form(products: dict[str, object]) -> Iterator[Finding]:
    forms = [key for key in ("table", "query", "column") if key in products]
    if len(forms) > 1:
        yield Finding(("products",), f"takes only one of {' and '.join(forms)}", at_key=True)
    elif _has_rows(products) and "match" not in products and "match" not in map(_product_key, products):
        yield Finding(("products", "match"), "is missing; it says which rows belong together, such as {order_id: id}")
    elif not _has_rows(products):
        for key in _ONLY_WITH_TABLE:
            if key in products:
                yield Finding(("products", key), "needs table or query", at_key=True)


def _has_rows(products: dict[str, object]) -> bool:
    return "table" in products or "query" in products


def _product_key(key: str) -> str | None:
    return nearest(key, ("table", "query", *_ONLY_WITH_TABLE, "column", "fields"))


def _check_product_fields(products: dict[str, object]) -> Iterator[Finding]:
    fields = section(products, "fields")
    own = not _has_rows(products) and "column" not in products
    if not fields and ("column" not in products or "fields" in products):
        if part(products, "fields") is None or isinstance(part(products, "fields"), dict):
            yield Finding(("products", "fields"), "is missing; a product needs at least its id", at_key=True)
    elif fields and "id" not in fields:
        yield Finding(("products", "fields"), "has no id: the receiver knows a product by its SKU", at_key=True)
    for name, rule in fields.items():
        path: Path = ("products", "fields", name)
        if words := product_name_problem(name):
            yield Finding(path, words, at_key=True)
        yield from check_rule(path, rule, inside_products=True)
        if own and isinstance(rule, dict) and "parent" in rule:
            yield Finding((*path, "parent"), "the product is made of the row itself; write column", at_key=True)


def _check_resend(data: object) -> Iterator[Finding]:
    if text(data, "resend") == "always" and part(data, "source", "cursor_field") is not None:
        lookback = part(data, "source", "lookback")
        words = "must be 0 with resend: always, where no ledger keeps the rows read again from being sent again"
        if "lookback" not in section(data, "source"):
            yield Finding(("source", "lookback"), f"is missing; it {words}")
        elif lookback is not None and not _is_nothing(lookback):
            yield Finding(("source", "lookback"), words)
    fields = section(data, "fields")
    known = (*fields, "products")
    for name in texts(data, "resend_ignores"):
        if name not in known:
            words = f'"{name}" is not among the fields{did_you_mean(name, known)}'
            yield Finding(("resend_ignores",), words)
            break


def _is_nothing(lookback: object) -> bool:
    try:
        return parse_span(lookback) in (0, timedelta())
    except ValueError:
        return True  # the model says what is wrong with it


def _check_examples(data: object) -> Iterator[Finding]:
    known = (*section(data, "fields"), "event", *(["products"] if section(data, "products") else []))
    for at, example in enumerate(items(data, "tests")):
        if not isinstance(example, dict):
            continue
        path: Path = ("tests", at)
        if ("expect" in example) == ("expect_problems" in example):
            yield Finding(path, "needs exactly one of expect and expect_problems")
        if "children" in example and not _has_rows(section(data, "products")):
            yield Finding(
                (*path, "children"), "only products with a table or query have rows of their own", at_key=True
            )
        for name in section(example, "expect"):
            if name not in known:
                words = f"not in this mapping's event{did_you_mean(name, known)}"
                yield Finding((*path, "expect", name), words, at_key=True)


def _warn_source(data: object) -> Iterator[Finding]:
    source = section(data, "source")
    if source and "cursor_field" not in source:
        for key in ("settle", "lookback", "on_null_cursor", "cursor_unit"):
            if key in source:
                yield Finding(("source", key), "has no effect without cursor_field", at_key=True)


def _warn_currencies(data: object) -> Iterator[Finding]:
    """Withdrawn currencies that the mapping names: they are right only for amounts of the past."""
    rule = section(data, "fields", "currency")
    named = [*texts(rule, "value"), *texts(rule, "default"), *section(rule, "map").values()]
    for one in dict.fromkeys(one.upper() for one in named if isinstance(one, str)):
        if (year := WITHDRAWN_CURRENCIES.get(one)) is not None:
            yield Finding(("fields", "currency"), f"{one} was withdrawn in {year}; it is right for amounts of before")


def _warn_event(data: object) -> Iterator[Finding]:
    event = text(data, "event")
    if event is not None and event not in EVENTS:
        meant = nearest(event, EVENTS)
        if meant is not None and meant.casefold() == event.replace("_", "").replace(" ", "").casefold():
            yield Finding(("event",), f'a custom event; the receiver interprets "{meant}"')


def _warn_purchase(data: object) -> Iterator[Finding]:
    if text(data, "event") != "Purchase":
        return
    fields, products = section(data, "fields"), section(data, "products")
    if "orderid" not in fields:
        words = "Purchase without orderid: the receiver cannot merge it with the purchase that the shop reported"
        yield Finding(("event",), words)
    if not products:
        yield Finding(("products",), "Purchase without products: the receiver learns neither items nor value")
    elif section(products, "fields") and "quantity" not in products["fields"]:
        yield Finding(("products", "fields"), "Purchase needs the quantity of each product", at_key=True)


def _warn_secrets(data: object, filled: AbstractSet[Path]) -> Iterator[Finding]:
    api_key: Path = ("destination", "api_key")
    if text(data, *api_key) and api_key not in filled:
        words = "the key stands in the file; write ${SQUEEZELY_API_KEY} or ${file:/run/secrets/key}"
        yield Finding(api_key, words)
    url = text(data, "source", "url")
    if url is not None and ("source", "url") not in filled and _PASSWORD.search(url):
        yield Finding(("source", "url"), "the password stands in the file; write ${SHOP_DATABASE_URL}")


def _warn_examples(data: object) -> Iterator[Finding]:
    if text(data, "source", "query") is not None or not items(data, "tests"):
        return
    known = _row_columns(data)
    for at, example in enumerate(items(data, "tests")):
        for name in section(example, "given"):
            if name not in known:
                words = f"no field uses this column{did_you_mean(name, known)}"
                yield Finding(("tests", at, "given", name), words, at_key=True)


def _row_columns(data: object) -> tuple[str, ...]:
    """Every column of the row that the mapping names, in the order in which it does."""
    products = section(data, "products")
    names = [*texts(data, "source", "primary_key"), *texts(data, "source", "cursor_field")]
    names += [*texts(data, "event", "column"), *texts(products, "column")]
    names += [one for one in section(products, "match").values() if isinstance(one, str)]
    own = not _has_rows(products) and "column" not in products
    rules = [*section(data, "fields").values(), *(section(products, "fields").values() if own else ())]
    for rule in rules:
        names += [rule] if isinstance(rule, str) else texts(rule, "column")
        try:
            names += template_columns(text(rule, "template") or "")
        except ValueError:
            continue  # the model says what is wrong with it
    names += [one for rule in section(products, "fields").values() for one in texts(rule, "parent")]
    return tuple(dict.fromkeys(names))


def check_account(data: object) -> Iterator[Finding]:
    """Fields that `destination` says the account needs, but that no event of this mapping has."""
    if part(data, "destination", "multiple_languages") is True:
        yield from _check_language(data)
    if part(data, "destination", "multiple_currencies") is True:
        yield from _check_currency(data)


def _check_language(data: object) -> Iterator[Finding]:
    fields, products = section(data, "fields"), section(data, "products")
    needed = "destination.multiple_languages is on"
    if products:
        its = section(products, "fields")
        if its and "language" not in its:
            words = f"has no language, which each product needs where {needed}"
            yield Finding(("products", "fields"), words, at_key=True)
    elif fields and "language" not in fields:
        yield Finding(("fields",), f"has no language, which each event needs where {needed}", at_key=True)


def _check_currency(data: object) -> Iterator[Finding]:
    fields = section(data, "fields")
    has_amounts = "totalvalue" in fields or "price" in section(data, "products", "fields")
    if has_amounts and "currency" not in fields:
        words = "has no currency, which amounts need where destination.multiple_currencies is on"
        yield Finding(("fields",), words, at_key=True)

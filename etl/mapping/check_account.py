"""What an account with several languages or currencies needs of a mapping, as far as the file alone shows it."""

from __future__ import annotations

from collections.abc import Iterator

from etl.mapping.document import Finding
from etl.mapping.lookup import part, section


def check_account(data: object) -> Iterator[Finding]:
    """Fields that no event of this mapping can carry though `destination` says that the account needs them."""
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

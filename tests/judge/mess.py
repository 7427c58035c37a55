"""What people and programs leave in the columns of a shop: values that are right, and values that are not.

Each table of mess tells what is wrong for sure (`WRONG`, no receiver could take it) apart from what a careful reader
understands (`UNTIDY`). A test may rely on `WRONG`; what becomes of `UNTIDY` is the product's business, as long as the
judge takes what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

Values = Mapping[str, Sequence[str | None]]

RIGHT: Values = MappingProxyType(
    {
        "email": (),  # made of the customer's number
        "customer_no": (),
        "first_name": ("Eva", "Jan", "Anne-Marie", "Zoë", "Jürgen", "Søren", "IJsbrand", "J.P."),
        "last_name": ("de Vries", "Jansen", "van 't Hof", "O'Neill", "McDonald", "Müller", "Jansen-de Boer"),
        "gender": ("M", "F", "U", "m", "v", None),
        "birthdate": ("1980-04-21", "1999-12-31", "2004-02-29", None),
        "phone": ("+31612345678", "0612345678", "+49-30-1234567", None),
        "postcode": ("1011 AB", "01067", "9000", None),
        "city": ("Utrecht", "'s-Hertogenbosch", "Köln", None),
        "country": ("NL", "BE", "DE", None),
        "language": ("nl-NL", "nl_BE", "de-DE"),
        "currency": ("EUR", "GBP", "SEK"),
        "newsletter": ("1", "0", "ja", "nee", None),
        "points": ("0", "12", "1250", None),
        "note": ("fine", "two\nlines", None),
        "ordered_at": ("2024-01-02 03:04:05", "2023-10-29 12:30:00", "2022-06-01 00:00:00"),
        "total": ("12.50", "0", "1234.56"),
        "sku": ("A-1", "B 2", "0003"),
        "title": ("Tea", "Café crème", None),
        "unit_price": ("12.50", "0", "3", None),
        "quantity": ("1", "2", "0.5"),
    }
)

UNTIDY: Values = MappingProxyType(
    {
        "email": ("  {0} ", "{1}", "\u200b{0}", "{0}\u00a0", "{0}\t"),
        "customer_no": ("  {0}", "{0}      "),
        "first_name": ("  EVA  ", "jan pieter", "IJMUIDEN", "İBRAHİM", "", "   ", "J.P.", "\u00a0"),
        "last_name": ("VAN DEN BERG", "de vries", "\tJansen", "HENRY VIII", " "),
        "gender": ("1", "2", "0", "9", "Dhr.", "Mevr.", "X", "vrouw", "MALE", " "),
        "birthdate": ("21-04-1980", "1980-04-21 00:00:00", " 1980-04-21 ", ""),
        "phone": ("06 12 34 56 78", "(020) 123 45 67", "+31 (0)20 1234567", "31612345678.0", "0031612345678", "  "),
        "postcode": ("  1011AB", "1011 AB   ", " "),
        "city": ("  ", "DEN HAAG", "utrecht\n"),
        "country": ("nl", "NLD", "UK", " be ", "XK", ""),
        "language": ("nl", "NL", "de_CH_informal", "iw_IL", "nl_NL.UTF-8", "fr-be"),
        "currency": ("eur", " EUR ", "HRK", "NLG"),
        "newsletter": ("Y", "false", "TRUE", "t", ""),
        "points": ("  7 ", "007", "1e3", ""),
        "note": ("  ", "\n", " x "),
        "ordered_at": ("2024-01-02T03:04:05Z", "2024-01-02 03:04:05.932566+01:00", "2024-03-31 02:30:00"),
        "total": (" 12.5 ", "12.", "1E2"),
        "sku": (" A-1 ", "A-1        "),
        "title": (" ", "Tea   "),
        "unit_price": (" 3.5", "1e1"),
        "quantity": (" 2", "2.0"),
    }
)

WRONG: Values = MappingProxyType(
    {
        "email": ("nobody", "a@b", "a b@shop.nl", "@shop.nl", "a@shop.nl,b@shop.nl", "a@-shop.nl", "x\u0096@shop.nl"),
        "customer_no": (),
        "first_name": ("Jos\u0096", "E\u000bva", "E\u0080va"),
        "last_name": ("Vri\u0085es", "M\u0081ller"),
        "gender": ("?", "7", "yes", "MF"),
        "birthdate": ("0000-00-00", "1900-01-01", "0001-01-01", "2999-01-01", "unknown", "31-02-1990", "1990-13-01"),
        "phone": ("none", "12", "0612345678 / 0201234567", "1234567890123456789", "06-call-me"),
        "postcode": ("10\u000b11",),
        "city": ("K\u0094ln",),
        "country": ("Holland", "ZZ", "XX", "12"),
        "language": ("Dutch", "xx-XX", "nl-ZZ", "BE", "UK"),
        "currency": ("XQQ", "euro", "E", "€"),
        "newsletter": ("maybe", "2", "unknown"),
        "points": ("many", "1.234,50", "NaN", "Infinity", "12 points"),
        "note": ("a\u0007b",),
        "ordered_at": ("yesterday", "2024-13-01 00:00:00", "0000-00-00 00:00:00"),
        "total": ("12,50 EUR", "much", "NaN"),
        "sku": (" ", "", None),
        "title": ("T\u0090",),
        "unit_price": ("free", "inf"),
        "quantity": ("several", None, ""),
    }
)

"""Compares the names of columns and tables with what people call things.

The rule: a name is compared without case, umlauts and separators, so `E-Mail`, `e_mail` and `eMail` are one, and also
without what stands before it in all names of a schema (`ps_`, `OX`) or says whose it is (`customers_`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from etl.drafting.dictionary import (
    NO_ORDERS,
    ORDER_TABLES,
    OWNERS,
    PEOPLE_TABLES,
    SCHEMA_PREFIXES,
    SECRET_NAMES,
    SECRET_WORDS,
    SECRETS,
    SUBSCRIBER_TABLES,
    TABLE_ENDINGS,
)

# Words before the last one that change what a table is: `order_customer` holds neither orders nor customers.
_TELLING = (
    "order",
    "purchase",
    "work",
    "stock",
    "supplier",
    "cart",
    "quote",
    "invoice",
    "product",
    "newsletter",
    "mail",
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_CENTS = re.compile(r"(?:_?[iI]n)?_?[cC]ents?$|_CENTS?$")
_UNIT = re.compile(
    rf"{_CENTS.pattern}|_(?i:ms|millis|msec|s|sec|secs|seconds|epoch|unix|ts)$|(?<=[a-z])(?:Ms|Millis|Sec|Secs|Seconds|Epoch|Unix|Ts)$"
)
# Owners stand before each other: customers_ + billing_ + email.
_MOST_OWNERS = 2
# Stands for a prefix of one letter, any letter, without a meaning.
ONE_LETTER = "?"
_FEWEST_ALIKE = 4
_SHARE_ALIKE = 0.9


def bare(name: str) -> str:
    """`name` without case, umlauts, accents and separators."""
    text = unicodedata.normalize("NFC", name).casefold().translate(_UMLAUTS)
    text = unicodedata.normalize("NFKD", text)
    return "".join(one for one in text if one.isascii() and one.isalnum())


def rank(column: str, names: Sequence[str], *, owners: Sequence[str] = OWNERS) -> int | None:
    """How well `column` is one of `names`: 0 = it is the first of them; None = it is none of them.

    A name that says whose it is (`customer_email`) comes after all that do not, and one with its unit (`paid_cents`,
    `updated_ms`) after these.
    """
    for with_unit, name in enumerate(dict.fromkeys((column, without_unit(column)))):
        for stripped, text in enumerate(_without_owners(bare(name), owners)):
            if text in names:
                return (with_unit * (_MOST_OWNERS + 1) + stripped) * len(names) + names.index(text)
    return None


def without_unit(column: str) -> str:
    """`column` without what it is counted in, as `created_ms` and `totalCents`; itself where nothing would be left."""
    rest = _UNIT.sub("", column)
    return rest if bare(rest) else column


def counts_cents(column: str) -> bool:
    """The column's name says that it holds hundredths of a currency."""
    return _CENTS.search(column) is not None


def _without_owners(text: str, owners: Sequence[str]) -> Iterator[str]:
    yield text
    for _ in range(_MOST_OWNERS):
        rest = next((text.removeprefix(one) for one in owners if text.startswith(one) and len(text) > len(one)), None)
        if rest is None:
            return
        text = rest
        yield text


def column_prefix(names: Sequence[str]) -> str:
    """What nearly all `names` of a table's columns begin with and that says nothing: `KL_`, `OX`; "" without one."""
    if len(names) < _FEWEST_ALIKE:
        return ""
    heads = Counter(one.partition("_")[0].casefold() for one in names if "_" in one.strip("_"))
    if heads:
        head, count = heads.most_common(1)[0]
        if count >= _SHARE_ALIKE * len(names) and bare(head) not in OWNERS:
            return f"{head}_"
    # As in kKunde, cVorname, fGesamtsumme: a letter for the type.
    if all(re.match(r"[a-z][A-Z]", one) for one in names):
        return ONE_LETTER
    # Without a separator only what is known is no part of a word.
    start = names[0][:2].casefold()
    return start if start in SCHEMA_PREFIXES and all(one.casefold().startswith(start) for one in names) else ""


def without_prefix(name: str, prefix: str) -> str:
    """`name` without `prefix`, whatever its case; itself where nothing would be left."""
    if prefix == ONE_LETTER:
        return name[1:]
    found = prefix and name.casefold().startswith(prefix) and len(name) > len(prefix)
    return name[len(prefix) :] if found else name


def table_prefix(names: Sequence[str]) -> str:
    """What most `names` of a schema's tables begin with: the shop's own prefix, with its `_`; "" without one."""
    heads = Counter(one.partition("_")[0].casefold() for one in names if "_" in one.strip("_"))
    if not heads:
        return ""
    head, count = heads.most_common(1)[0]
    means_something = bare(head) in (*ORDER_TABLES, *PEOPLE_TABLES, *OWNERS)
    enough = count >= 0.6 * len(names) if len(names) >= _FEWEST_ALIKE else count == len(names) >= 2
    return f"{head}_" if enough and not means_something else ""


def thing(table: str, prefix: str = "") -> str:
    """What the rows of `table` are, bare: without schema, prefixes and endings such as `_entity`."""
    own = last(table)
    text = bare(own[1:] if re.match(r"t[A-Z]", own) else without_prefix(own, prefix))
    for one in SCHEMA_PREFIXES:
        rest = text.removeprefix(one)
        # A short prefix without a separator counts only if a known word is left without it.
        if rest != text and _means(rest):
            text = rest
            break
    for one in TABLE_ENDINGS:
        rest = text.removesuffix(one)
        if rest != text and _means(rest):
            text = rest
            break
    return text


def _means(text: str) -> bool:
    return bool(stems(text) & {*ORDER_TABLES, *PEOPLE_TABLES, *SUBSCRIBER_TABLES}) or text.startswith(
        ("order", "customer", "user", "product")
    )


def stems(word: str) -> frozenset[str]:
    """`word` in the singular, by any of the rules of English, Dutch and German that may apply, and as it is."""
    found = {word}
    if word.endswith("ies"):
        found.add(f"{word[:-3]}y")
    for ending in ("s", "es", "en", "n", "e"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            found.add(word.removesuffix(ending))
    return frozenset(found)


def is_order_table(table: str, prefix: str = "") -> bool:
    """The table's name says that its rows are orders."""
    return bool((stems(thing(table, prefix)) | last_word(table)) & ORDER_TABLES)


def last_word(table: str) -> frozenset[str]:
    """A name's last word in the singular (`b2b_orders`); nothing if the words before it change its meaning."""
    before, _, word = last(table).rpartition("_")
    told = bare(before)
    return frozenset() if not before or any(one in told for one in _TELLING) else stems(bare(word))


def is_no_order(table: str) -> bool:
    """The table's name says that its rows are something beside orders: invoices, carts, payments."""
    return any(one in bare(last(table)) for one in NO_ORDERS)


def is_people_table(table: str, prefix: str = "") -> bool:
    """The table's name says that its rows are people."""
    return bool((stems(thing(table, prefix)) | last_word(table)) & PEOPLE_TABLES)


def is_subscriber_table(table: str, prefix: str = "") -> bool:
    """The table's name says that its rows are subscriptions to mailings."""
    return bool(stems(thing(table, prefix)) & SUBSCRIBER_TABLES)


def is_secret(column: str) -> bool:
    """The column's name says that its values give access: a password, a token, a hash, a key."""
    text = bare(column)
    if re.search(r"(email|mail)[a-z]*(sha|hash|md5)|(hashed|sha256)[a-z]*mail", text):
        return False
    words = [one.lower() for one in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)]
    # A short word counts only alone or at the end of another: has_hobby holds no hash.
    short = any(word.removesuffix("s") == one or word.endswith(one) for word in words for one in SECRET_WORDS)
    return short or text in SECRET_NAMES or any(one in text for one in SECRETS)


def event_name(table: str, prefix: str = "") -> str:
    """A name for the event "a row of `table` was added or changed", such as CustomerUpdated."""
    name = without_prefix(last(table), prefix)
    name = name[1:] if re.match(r"t[A-Z]", name) else name
    if is_people_table(table, prefix):
        return "CustomerUpdated"
    words = re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKD", name.translate(_UMLAUTS)).lower(), re.ASCII)
    return f"{''.join(word.capitalize() for word in words)[:80] or 'Row'}Updated"


def slug(name: str) -> str:
    """`name` as letters, digits and `_`, lower case, beginning with a letter or digit; "" when nothing is left."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold().translate(_UMLAUTS)
    letters = unicodedata.normalize("NFKD", spaced)
    text = re.sub(r"[^a-z0-9]+", "_", "".join(one for one in letters if not unicodedata.combining(one)))
    return text.strip("_")


def last(table: str) -> str:
    """The table's own name, without its schema."""
    return table.rpartition(".")[2]

"""Finds values that a type accepts but that are probably wrong.

The rule: the findings describe a field's values as they would be sent, by counts and never by a value. A person
decides; nothing is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from etl.mapping.catalogue import UNIQUE_FIELDS
from etl.mapping.codes import WITHDRAWN_CURRENCIES
from etl.transform.birthdate import OLDEST

# From so many values on it is odd that all are the same.
_ENOUGH = 20
# Fields in which the same value for everybody is not odd.
_MAY_BE_ALIKE = frozenset(
    {"event", "currency", "country", "language", "gender", "newsletter", "service", "marketing", "totalvalue", "price"}
)
_WITH_GROUPS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?|[+-]?\d+,\d+", re.ASCII)
_MOST = 0.8
# A larger share of rows than this hardly belongs to one person or one purchase.
_SHARE = 0.2


def implausible(field: str, type_name: str | None, values: Sequence[object], *, today: date) -> Iterator[str]:
    """What is odd about the present `values` of `field`, in words that begin small; nothing when all looks right."""
    texts = [value for value in values if isinstance(value, str)]
    if not values:
        return
    if field == "timestamp" and type_name in ("datetime", None):
        tomorrow = (today + timedelta(days=1)).isoformat()
        yield from _some(sum(text[:4] == "1970" for text in texts), values, "lie in 1970: is it another unit of time?")
        yield from _some(sum(text[:10] > tomorrow for text in texts), values, "lie after tomorrow")
    if field == "birthdate":
        newest = today.isoformat()
        yield from _some(sum(text[:10] < OLDEST for text in texts), values, "lie before 1901 and are left out")
        yield from _some(sum(text[:10] > newest for text in texts), values, "lie in the future and are left out")
    if type_name == "currency":
        withdrawn = sum(text in WITHDRAWN_CURRENCIES for text in texts)
        yield from _some(withdrawn, values, "are withdrawn currencies, right for amounts of before")
    if type_name == "phone":
        yield from _some(_too_long(texts), values, "are one digit longer than the others")
    if field in UNIQUE_FIELDS and len(values) >= _ENOUGH:
        alike = max(Counter(map(str, values)).values())
        one = "purchase" if field == "orderid" else "profile"
        if _SHARE * len(values) < alike < len(values):
            yield f"{alike} of {len(values)} values are one and the same, and would be one {one}"
    if field not in _MAY_BE_ALIKE and len(values) >= _ENOUGH and len(set(map(str, values))) == 1:
        yield f"all {len(values)} values are the same"


def groups_thousands(values: Sequence[object]) -> bool:
    """Whether most of the texts among raw `values` are numbers as 1.234,50, for which a decimal_separator is needed."""
    texts = [value.strip() for value in values if isinstance(value, str) and value.strip()]
    numbers = [text for text in texts if text.strip("+-0123456789.,") == ""]
    alike = sum(_WITH_GROUPS.fullmatch(text) is not None for text in numbers)
    return bool(texts) and len(numbers) > _MOST * len(texts) and alike > 0.5 * len(numbers)


def _too_long(texts: Sequence[str]) -> int:
    lengths = Counter((text[:1] == "+", len(re.sub(r"\D", "", text))) for text in texts)
    found = 0
    for kind in (True, False):
        mine = Counter({length: count for (plus, length), count in lengths.items() if plus is kind})
        if mine:
            usual, count = mine.most_common(1)[0]
            found += mine[usual + 1] if count > _MOST * mine.total() else 0
    return found


def _some(count: int, values: Sequence[object], words: str) -> Iterator[str]:
    if count:
        yield f"{count} of {len(values)} values {words}"

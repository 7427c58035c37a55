"""The receiver's rules, for an independent judge: an event in, complaints out. Nothing beside it imports `etl`.

Whatever the receiver would refuse, drop or misread is a complaint; so is what would overwrite a profile's value by
nothing. Rules that depend on the account are told by `Account`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NoReturn

from tests.judge.codes import COUNTRIES, CURRENCIES, LANGUAGES

_ATOM = r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f-\x9f.]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?")
_HASH = re.compile(r"[0-9a-f]{64}")
_PHONE = re.compile(r"\+?[0-9]+(?:-[0-9]+)*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_CUSTOM = re.compile(r"custom_[A-Za-z0-9_]+", re.ASCII)
OLDEST = date(1901, 1, 1)


@dataclass(frozen=True)
class Account:
    """What the account is like.

    `several_currencies`: amounts need `currency`; `several_languages`: products need `language`.
    """

    several_currencies: bool = False
    several_languages: bool = False
    extra_fields: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Complaint:
    """What is wrong with an event, and where."""

    field: str
    words: str


def judge_body(body: bytes, account: Account = Account(), *, today: date) -> list[list[Complaint]]:
    """The complaints of each event of a request's body; raises ValueError where the body itself is no request."""
    request = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_without_repeats)
    if set(request) != {"events"} or not isinstance(request["events"], list) or not request["events"]:
        raise ValueError("the body is not a list of events")
    return [judge(event, account, today=today) for event in request["events"]]


def judge(event: Any, account: Account = Account(), *, today: date) -> list[Complaint]:
    """What the receiver would not take of `event`; [] when all of it is right. `today` bounds birthdates."""
    if not isinstance(event, dict):
        return [Complaint("", "an event is an object")]
    return [Complaint(field, words) for field, words in _complaints(event, account, today)]


def _complaints(event: Mapping[str, Any], account: Account, today: date) -> Iterator[tuple[str, str]]:
    yield from _at("event", _text(event.get("event")))
    if not any(event.get(name) is not None for name in ("email", "userid", "sqzly_cookie")):
        yield "email", "neither email nor userid"
    for name, value in event.items():
        if name == "products":
            yield from _products(value, account)
        elif name == "birthdate":
            yield from _at(name, _day(value) or _birthday(value, today))
        elif name in _KNOWN:
            yield from _at(name, _KNOWN[name](value))
        elif name.startswith("custom_") or name in account.extra_fields:
            if name not in account.extra_fields and not _CUSTOM.fullmatch(name):
                yield name, "not a name of a custom field"
            yield from _at(name, _custom(value))
        else:
            yield name, "not a field that the receiver knows"
    if event.get("event") == "Purchase":
        yield from _purchase(event)
    has_amounts = "totalvalue" in event or any("price" in one for one in _dicts(event.get("products")))
    if account.several_currencies and has_amounts and "currency" not in event:
        yield "currency", "an account with several currencies needs it beside amounts"


def _purchase(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "orderid" not in event:
        yield "orderid", "a Purchase needs it"
    products = _dicts(event.get("products"))
    if not products:
        yield "products", "a Purchase needs them"
    for at, one in enumerate(products):
        if "quantity" not in one:
            yield f"products[{at}].quantity", "a Purchase needs it"


def _products(value: Any, account: Account) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list) or not value:
        yield "products", "not a list of products"
        return
    for at, one in enumerate(value):
        where = f"products[{at}]"
        if not isinstance(one, dict):
            yield where, "not an object"
            continue
        if "id" not in one:
            yield f"{where}.id", "a product needs its SKU"
        if account.several_languages and "language" not in one:
            yield f"{where}.language", "an account with several languages needs it"
        for name, inner in one.items():
            rule = _OF_PRODUCTS.get(name)
            yield from _at(f"{where}.{name}", "not a field of a product" if rule is None else rule(inner))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _at(field: str, words: str | None) -> Iterator[tuple[str, str]]:
    if words is not None:
        yield field, words


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"not a text but {type(value).__name__}"
    if not value.strip():
        return "an empty text overwrites the profile"
    if value != value.strip():
        return "padded"
    return "control characters" if _CONTROL.search(value) else None


def _id(value: Any) -> str | None:
    return None if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"not a number but {type(value).__name__}"
    return None if math.isfinite(value) else "not finite"


def _email(value: Any) -> str | None:
    if wrong := _text(value):
        return wrong
    if _HASH.fullmatch(value):
        return None
    if value != value.lower():
        return "not in lower case"
    local, _, domain = value.rpartition("@")
    fits = len(local.encode()) <= 64 and len(domain) <= 253
    return None if fits and _EMAIL.fullmatch(value) else "not an address"


def _phone(value: Any) -> str | None:
    if wrong := _text(value):
        return wrong
    digits = sum(one.isdigit() for one in value)
    return None if _PHONE.fullmatch(value) and 5 <= digits <= 15 else "not a number of digits, + and -"


def _day(value: Any) -> str | None:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return "not YYYY-MM-DD"
    try:
        date.fromisoformat(value)
    except ValueError:
        return "a date that does not exist"
    return None


def _birthday(value: str, today: date) -> str | None:
    return None if OLDEST <= date.fromisoformat(value) <= today else "nobody was born then"


def _instant(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None if 10**8 < value < 10**10 else "not unix seconds"
    if not isinstance(value, str) or not (_INSTANT.fullmatch(value) or _LOCAL.fullmatch(value)):
        return "not a time with whole seconds and an offset"
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return "a time that does not exist"
    return None


def _language(value: Any) -> str | None:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z]{2}-[A-Z]{2}", value):
        return "not like nl-NL"
    return None if value[:2] in LANGUAGES and value[3:] in COUNTRIES else "no such language or country"


def _one_of(words: frozenset[str]) -> Callable[[Any], str | None]:
    return lambda value: None if isinstance(value, str) and value in words else "not one of the known values"


def _scalars(value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return "not a list with something in it"
    return next((words for one in value if (words := _scalar(one))), None)


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true and false are not among the types: yes or no"
    return _number(value) if isinstance(value, int | float) else _text(value)


def _custom(value: Any) -> str | None:
    return _scalars(value) if isinstance(value, list) else _scalar(value)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


_CONSENT = _one_of(frozenset({"yes", "no"}))
_CURRENCY, _COUNTRY = _one_of(CURRENCIES), _one_of(COUNTRIES)
_KNOWN: Mapping[str, Callable[[Any], str | None]] = MappingProxyType(
    {
        **dict.fromkeys(("event", "firstname", "lastname", "city", "postcode", "mobile_advertiser_ID"), _text),
        **dict.fromkeys(("category_id", "objectname", "keyword", "sqzly_cookie", "orderid"), _id),
        **dict.fromkeys(("newsletter", "service", "marketing"), _CONSENT),
        **dict.fromkeys(("checkin_date", "checkout_date"), _day),
        "email": _email,
        "userid": _id,
        "gender": _one_of(frozenset({"M", "F", "U", "male", "female", "unknown"})),
        "phone": _phone,
        "country": _COUNTRY,
        "currency": _CURRENCY,
        "language": _language,
        "timestamp": _instant,
        "totalvalue": _number,
    }
)
_OF_PRODUCTS: Mapping[str, Callable[[Any], str | None]] = MappingProxyType(
    {"id": _id, "name": _text, "price": _number, "quantity": _number, "language": _language, "category_ids": _scalars}
)

"""What an event has to look like to be taken, as the vendor's documentation describes it (mappings/README.md).

These checks are the sandbox's own and share no code with the transform: a mistake made there is caught here. They run
on every event, so each is a look-up or one compiled pattern.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from etl.mapping.codes import COUNTRIES, CURRENCIES, LANGUAGES, WITHDRAWN_CURRENCIES

Check = Callable[[object], bool]

_ATOM = r"[^\s@<>(),;:\\\"\[\].\x00-\x1f\x7f]+"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:[^\s@.]+\.)+[^\s@.]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PHONE = re.compile(r"\+?[0-9][0-9-]*")
_LANGUAGE = re.compile(r"([a-z]{2})-([A-Z]{2})")
_CUSTOM = re.compile(r"custom_[A-Za-z0-9_]{1,64}")
_UNIX_SECONDS = re.compile(r"[0-9]{1,12}")
_DAY_FIRST = re.compile(r"(\d\d)-(\d\d)-(\d{4})")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_GENDERS: Final = frozenset({"M", "F", "U", "male", "female", "unknown"})


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """Why an event is refused: a stable code, the field ("" = the event as a whole), and words without its value."""

    code: str
    field: str
    words: str


@dataclass(frozen=True, slots=True)
class _Rule:
    check: Check
    refusal: BrokenRule


class Rules:
    """All checks of the receiver, with the addresses that `--fault reject=` adds (lower case; their hashes too).

    several_languages, several_currencies: what the account has, and therefore asks of products and amounts.
    """

    def __init__(
        self,
        *,
        rejected_addresses: Iterable[str] = (),
        several_languages: bool = False,
        several_currencies: bool = False,
    ) -> None:
        self._several_languages = several_languages
        self._several_currencies = several_currencies
        addresses = {address.lower() for address in rejected_addresses}
        self._rejected = addresses | {hashlib.sha256(address.encode()).hexdigest() for address in addresses}
        countries = frozenset(COUNTRIES)
        languages = frozenset(LANGUAGES)
        currencies = CURRENCIES | set(WITHDRAWN_CURRENCIES)

        def is_language(value: object) -> bool:
            found = _LANGUAGE.fullmatch(value) if isinstance(value, str) else None
            return found is not None and found[1] in languages and found[2] in countries

        self._fields: dict[str, _Rule] = {
            "email": _rule("email", _is_email, "an e-mail address or the SHA-256 hex of one", code="INVALID_EMAIL"),
            "userid": _rule("userid", _is_filled_text, "a text that is not empty"),
            **{name: _rule(name, _is_text, "a text") for name in ("firstname", "lastname", "city", "postcode")},
            **{
                name: _rule(name, _is_text, "a text")
                for name in ("mobile_advertiser_ID", "category_id", "objectname", "keyword", "sqzly_cookie")
            },
            "gender": _rule("gender", _one_of(_GENDERS), "M, F, U, male, female or unknown"),
            "birthdate": _rule("birthdate", _is_birthdate, "a date, YYYY-MM-DD or DD-MM-YYYY"),
            "phone": _rule("phone", _matches(_PHONE), "digits with + and -"),
            "country": _rule("country", _one_of(countries), "an ISO 3166-1 alpha-2 code in upper case"),
            "currency": _rule("currency", _one_of(currencies), "an ISO 4217 code in upper case"),
            "language": _rule("language", is_language, "an ISO 639-1 and an ISO 3166-1 code joined by -, as nl-NL"),
            **{
                name: _rule(name, _one_of(frozenset({"yes", "no"})), "yes or no; leave it out when unknown")
                for name in ("newsletter", "service", "marketing")
            },
            "timestamp": _rule(
                "timestamp",
                _is_moment,
                "unix seconds, YYYY-MM-DD HH:MM:SS in CET, or ISO 8601 with an offset",
                code="TIMESTAMP_ERROR",
            ),
            "orderid": _rule("orderid", _is_filled_text, "a text that is not empty"),
            "totalvalue": _rule("totalvalue", _is_number, "a number"),
            "checkin_date": _rule("checkin_date", _is_day, "a date, YYYY-MM-DD"),
            "checkout_date": _rule("checkout_date", _is_day, "a date, YYYY-MM-DD"),
        }
        self._product: dict[str, _Rule] = {
            "id": _rule("products.id", _is_filled_text, "a text that is not empty, the SKU"),
            "name": _rule("products.name", _is_text, "a text"),
            "price": _rule("products.price", _is_number, "a number"),
            "quantity": _rule("products.quantity", _is_number, "a number"),
            "language": _rule("products.language", is_language, "an ISO 639-1 and an ISO 3166-1 code, as nl-NL"),
            "category_ids": _rule("products.category_ids", _is_list, "a list"),
        }

    def check(self, event: object) -> tuple[BrokenRule, ...]:
        """The reasons why `event` is refused; () = it is taken."""
        if not isinstance(event, dict):
            return (BrokenRule("INVALID_EVENT", "", "the event is not a JSON object"),)
        refusals = _check_identity(event)
        fields = self._fields
        for field, value in event.items():
            rule = fields.get(field)
            if rule is not None:
                if not rule.check(value):
                    refusals.append(rule.refusal)
            elif field == "products":
                refusals += self._check_products(value)
            else:
                refusals += _check_other(field, value)
        if event.get("event") == "Purchase":
            refusals += _check_purchase(event)
        if self._several_currencies and "currency" not in event and _has_amounts(event):
            refusals.append(BrokenRule("MISSING_CURRENCY", "currency", "amounts need it: the account has several"))
        if self._rejected and str(event.get("email")).lower() in self._rejected:
            refusals.append(
                BrokenRule("REJECTED", "email", "this address is refused, as requested by the option reject")
            )
        return tuple(refusals)

    def _check_products(self, products: object) -> list[BrokenRule]:
        if not isinstance(products, list):
            return [BrokenRule("INVALID_PRODUCTS", "products", "expected a list of objects")]
        refusals: list[BrokenRule] = []
        rules = self._product
        for product in products:
            if not isinstance(product, dict):
                return [BrokenRule("INVALID_PRODUCTS", "products", "expected a list of objects")]
            if "id" not in product:
                refusals.append(BrokenRule("MISSING_PRODUCT_ID", "products.id", "each product needs its SKU"))
            if self._several_languages and "language" not in product:
                words = "each product needs it: the account has several"
                refusals.append(BrokenRule("MISSING_PRODUCT_LANGUAGE", "products.language", words))
            for field, value in product.items():
                rule = rules.get(field)
                if rule is not None and not rule.check(value):
                    refusals.append(rule.refusal)
        return list(dict.fromkeys(refusals))


def _check_identity(event: Mapping[str, object]) -> list[BrokenRule]:
    refusals = []
    if not _is_filled_text(event.get("event")):
        refusals.append(BrokenRule("MISSING_EVENT", "event", "the event's name is missing"))
    if not event.get("email") and not event.get("userid"):
        refusals.append(BrokenRule("MISSING_IDENTITY", "email", "an identity is needed: email or userid"))
    return refusals


def _check_purchase(event: Mapping[str, object]) -> list[BrokenRule]:
    refusals = []
    if "orderid" not in event:
        refusals.append(BrokenRule("MISSING_ORDERID", "orderid", "a Purchase needs it"))
    products = event.get("products")
    if products is None or products == []:
        refusals.append(BrokenRule("MISSING_PRODUCTS", "products", "a Purchase needs at least one"))
    elif isinstance(products, list) and any(isinstance(each, dict) and "quantity" not in each for each in products):
        refusals.append(
            BrokenRule("MISSING_PRODUCT_QUANTITY", "products.quantity", "each product of a Purchase needs it")
        )
    return refusals


def _has_amounts(event: Mapping[str, object]) -> bool:
    products = event.get("products")
    listed = products if isinstance(products, list) else []
    return "totalvalue" in event or any(isinstance(each, dict) and "price" in each for each in listed)


def _check_other(field: str, value: object) -> list[BrokenRule]:
    # An unknown field is accepted, because the receiver silently drops it; the page shows a remark.
    if field.startswith("custom_"):
        if not _CUSTOM.fullmatch(field):
            return [BrokenRule("INVALID_CUSTOM_NAME", field, "only letters, digits and _ follow custom_")]
        if value is None or isinstance(value, dict | bool):
            return [BrokenRule("INVALID_CUSTOM_VALUE", field, "expected a text, number, date, yes/no or list")]
    return []


def _rule(field: str, check: Check, expected: str, *, code: str | None = None) -> _Rule:
    code = code or f"INVALID_{field.upper().replace('.', '_').replace('PRODUCTS_', 'PRODUCT_')}"
    return _Rule(check, BrokenRule(code, field, f"expected {expected}"))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\x00" not in value


def _is_filled_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() != "" and "\x00" not in value


def _is_email(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 254:
        return False
    return _EMAIL.fullmatch(value) is not None or _SHA256.fullmatch(value) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _one_of(words: frozenset[str]) -> Check:
    return lambda value: isinstance(value, str) and value in words


def _matches(pattern: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_day(value: object) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_birthdate(value: object) -> bool:
    found = _DAY_FIRST.fullmatch(value) if isinstance(value, str) else None
    return _is_day(f"{found[3]}-{found[2]}-{found[1]}" if found else value)


def _is_moment(value: object) -> bool:
    if isinstance(value, int | float):
        return not isinstance(value, bool) and value >= 0
    if not isinstance(value, str):
        return False
    if _UNIX_SECONDS.fullmatch(value) or _is_day(value):
        return True
    if not _MOMENT.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True

"""The catalogue of the receiver's fields (type, rule, how sure it is) and events, and of the mapping language's types.

One table for everyone: checks, the JSON Schema, `init`, the sandbox and the README read it, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from etl.mapping.problem_codes import PROBLEMS, ProblemCode
from etl.mapping.steps import STEPS, StepRule

__all__ = [
    "CONSENT_FIELDS",
    "CUSTOM_PREFIX",
    "EVENTS",
    "FATAL_FIELDS",
    "FIELDS",
    "IDENTITY_FIELDS",
    "PROBLEMS",
    "PRODUCT_FIELDS",
    "PURCHASE",
    "RESERVED_FIELDS",
    "STEPS",
    "TYPES",
    "UNIQUE_FIELDS",
    "ProblemCode",
    "ReceiverField",
    "StepRule",
    "on_invalid_of",
]

CUSTOM_PREFIX = "custom_"
IDENTITY_FIELDS = ("email", "userid")
# Fields whose value identifies one profile or purchase; a template with a missing part would give several the same
# value.
UNIQUE_FIELDS = frozenset({*IDENTITY_FIELDS, "sqzly_cookie", "orderid"})
# Consent fields. The account shows consent from back-end events in the profile only, not in the event.
CONSENT_FIELDS = ("newsletter", "service", "marketing")
# Parts of an event that have a section of their own in the mapping.
RESERVED_FIELDS: Mapping[str, str] = MappingProxyType({"event": "event:", "products": "products:"})


# Fields without which, or with another value of which, the event would mean something else.
FATAL_FIELDS = frozenset(
    {"event", "email", "userid", "timestamp", "currency", "language", "orderid", "totalvalue", "products"}
)


def on_invalid_of(field: str) -> Literal["reject", "omit"]:
    """Whether by default a wrong value of the top-level field `field` makes the row invalid or leaves the field out."""
    return "reject" if field in FATAL_FIELDS else "omit"


@dataclass(frozen=True, slots=True)
class ReceiverField:
    """One field of the receiver.

    type: a key of `TYPES`. rule: what the receiver expects. sure: where that was read: in the vendor's documentation
    ("doc"), in its connector ("code"), or nowhere ("open"). needed_for: when the receiver asks for it; "" = never.
    """

    name: str
    type: str
    rule: str
    sure: Literal["doc", "code", "open"]
    needed_for: str = ""


def _table(*fields: ReceiverField) -> Mapping[str, ReceiverField]:
    return MappingProxyType({field.name: field for field in fields})


FIELDS: Mapping[str, ReceiverField] = _table(
    ReceiverField("email", "email", "the address, or its SHA-256 as hex", "doc", "every event, unless it has userid"),
    ReceiverField(
        "userid",
        "text",
        "the external id, highest in the identity hierarchy; an internal customer id here splits profiles",
        "doc",
        "every event, unless it has email",
    ),
    ReceiverField("firstname", "text", "first name of the profile", "doc"),
    ReceiverField("lastname", "text", "last name of the profile", "doc"),
    ReceiverField("gender", "gender", "M, F or U", "doc"),
    ReceiverField("birthdate", "date", "YYYY-MM-DD", "doc"),
    ReceiverField("phone", "phone", "digits with + and -", "doc"),
    ReceiverField("postcode", "text", "postal code as text, leading zeros kept", "doc"),
    ReceiverField("city", "text", "city of the profile", "doc"),
    ReceiverField("country", "country", "ISO 3166-1 alpha-2, upper case, such as NL", "doc"),
    ReceiverField(
        "currency", "currency", "ISO 4217, upper case, such as EUR", "doc", "accounts with several currencies"
    ),
    ReceiverField("language", "language", "ISO 639-1 and ISO 3166 alpha-2, such as nl-NL", "doc"),
    ReceiverField("newsletter", "yes_no", "yes (opted in) or no (opted out); left out when unknown", "doc"),
    ReceiverField("service", "yes_no", "yes (opted in) or no (opted out); left out when unknown", "doc"),
    ReceiverField("marketing", "yes_no", "yes (opted in) or no (opted out); left out when unknown", "doc"),
    ReceiverField(
        "timestamp",
        "datetime",
        "when the event happened, ISO 8601 with offset; without it the event is stamped with its arrival",
        "code",
        "history",
    ),
    ReceiverField("orderid", "text", "purchases with one orderid are merged", "doc", "Purchase"),
    ReceiverField("totalvalue", "number", "overrides the sum of price times quantity", "doc"),
    ReceiverField("checkin_date", "date", "YYYY-MM-DD (travel)", "doc"),
    ReceiverField("checkout_date", "date", "YYYY-MM-DD (travel)", "doc"),
    ReceiverField("mobile_advertiser_ID", "text", "the advertising id of a phone", "doc"),
    ReceiverField("category_id", "text", "the category that was viewed", "code", "ViewCategory"),
    ReceiverField("objectname", "text", "the name of the category that was viewed", "code"),
    ReceiverField("keyword", "text", "what was searched for", "code", "Search"),
    ReceiverField("sqzly_cookie", "text", "the value of the site's cookie: a visitor, beside email and userid", "code"),
)

PRODUCT_FIELDS: Mapping[str, ReceiverField] = _table(
    ReceiverField("id", "text", "the SKU", "doc", "every product"),
    ReceiverField("name", "text", "the product's name", "doc"),
    ReceiverField("price", "number", "price of one piece", "doc"),
    ReceiverField("quantity", "number", "how many pieces", "doc", "Purchase"),
    ReceiverField(
        "language",
        "language",
        "ISO 639-1 and ISO 3166 alpha-2, such as nl-NL",
        "doc",
        "accounts with several languages",
    ),
    ReceiverField("category_ids", "list", "the categories that the product is in", "doc"),
)

# The event that must be complete: an order id, and products with id and quantity.
PURCHASE = "Purchase"
# Names that the receiver interprets; any other name is a custom event.
EVENTS: tuple[str, ...] = (
    PURCHASE,
    "PrePurchase",
    "CRMUpdate",
    "EmailOptIn",
    "CompleteRegistration",
    "AddToCart",
    "RemoveFromCart",
    "ViewContent",
    "ViewCategory",
    "PageView",
    "Search",
    "InitiateCheckout",
)

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "text": "a text; numbers, dates and true/false are written as text",
        "integer": "a whole number of any size, exact",
        "number": "a number exactly as the database holds it",
        "decimal": "an exact decimal number, never through floating point",
        "boolean": "yes or no (the receiver has no true and false), from booleans, 0/1, t/f, y/n, ja/nee, true/false",
        "yes_no": "yes or no, from booleans, 0/1, t/f, y/n, ja/nee, true/false",
        "date": "YYYY-MM-DD, from dates, 2024-01-31, 31-01-2024 (day first) and 20240131",
        "datetime": "ISO 8601 with offset and whole seconds; datetimes without a zone are in source.timezone, a date "
        "is its midnight there; whole numbers, also as texts, are YYYYMMDD, unix seconds or milliseconds",
        "email": "an e-mail address, trimmed and lower case, its domain in ASCII (xn--…), or the SHA-256 of one",
        "language": "language and country, such as nl-NL; nl_NL, NL-nl and nl are understood",
        "currency": "an ISO 4217 currency, such as EUR; withdrawn ones, such as HRK, are known",
        "country": "an ISO 3166-1 alpha-2 country, such as NL, or XK",
        "gender": "M, F or U, from ISO 5218 (0 1 2 9), m/f, male/female, Dhr./Mevr., Herr/Frau and the like",
        "phone": "a phone number of digits with + and -; a national one becomes international by the row's country",
        "uuid": "a UUID as text, from a UUID column, BINARY(16) or a text",
        "list": "a list, from a JSON array or by the step split(…); a single number or text is a list of one",
        "json": "what the JSON text or column holds, as it is",
    }
)

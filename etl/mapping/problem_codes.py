"""The closed list of problem codes: what each means, and what a person does about it.

A code is a stable word, used in people's alerts, `--reason` and `tests:`. This program reports only codes listed here;
a code of the API's own (`TIMESTAMP_ERROR`) is passed on unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class ProblemCode(NamedTuple):
    """What a code means for one row, and what to do about it."""

    meaning: str
    remedy: str


_IDENTITY = {
    "missing_identity": ProblemCode(
        "the event has neither email nor userid",
        "fill the address in the database, map userid, or leave such rows out with `where`",
    ),
    "invalid_email": ProblemCode(
        "the value is not an e-mail address, nor the SHA-256 of one",
        "correct the address in the database; `on_invalid: omit` keeps the row when userid identifies it",
    ),
    "missing_required": ProblemCode(
        "a field with `required: true` has no value",
        "fill the column, give the field a `default`, or drop `required`",
    ),
    "missing_orderid": ProblemCode(
        "a Purchase has no orderid",
        "map it, fill the column, or leave such rows out with `where`",
    ),
    "missing_products": ProblemCode(
        "a Purchase has no products",
        "look at the rows of `products.table` or the JSON column; leave orders without lines out with `where`",
    ),
    "missing_currency": ProblemCode(
        "the event has amounts but no currency, and the account has several (`destination.multiple_currencies`)",
        "fill the column, or give the field a `default`",
    ),
    "missing_event_name": ProblemCode(
        "the column that names the event holds NULL, an empty text or something that is no name",
        "fill the column, or leave such rows out with `where`",
    ),
}

_CODES = {
    "unknown_currency": ProblemCode(
        "the value is not an ISO 4217 currency",
        "correct it, or translate it with `map`, for instance `map: {EURO: EUR}`",
    ),
    "unknown_country": ProblemCode(
        "the value is not an ISO 3166-1 country",
        "correct it, or translate it with `map`, for instance `map: {Holland: NL}`",
    ),
    "unknown_language": ProblemCode(
        "the value is not an ISO 639-1 language with an ISO 3166-1 country",
        "correct it, or translate it with `map`, for instance `map: {dutch: nl-NL}`",
    ),
    "unknown_gender": ProblemCode(
        "the value is none of the known ways to say male, female or unknown",
        "translate it with `map` to M, F or U",
    ),
    "invalid_phone": ProblemCode(
        "the value cannot be a phone number",
        "correct it; a second number in the same column belongs into a column of its own",
    ),
    "not_yes_no": ProblemCode(
        "the value is none of the known ways to say yes or no",
        "translate it with `map` to yes and no; a NULL leaves the field out",
    ),
    "not_in_map": ProblemCode(
        "the field has a `map`, the value is not in it, and the field's type does not know it either",
        "add the value to the `map`, or the key `else`",
    ),
}

_SHAPES = {
    "not_a_boolean": ProblemCode(
        "the value is none of the known ways to say true or false",
        "translate it with `map` to true and false; a number in a column declared as boolean needs `type: integer`",
    ),
    "not_a_number": ProblemCode("the value cannot be read as a number", "correct it, or declare `type: text`"),
    "not_an_integer": ProblemCode(
        "the value is a number with a fraction, or none", "declare `type: number`, or use the step round(0)"
    ),
    "not_finite": ProblemCode(
        "the number is infinite, or NaN within a list, which JSON cannot carry (NaN alone is missing)",
        "correct it at the source",
    ),
    "not_text": ProblemCode("the value cannot be written as text", "declare another `type`"),
    "not_a_date": ProblemCode("the value cannot be read as a date", "correct it, or declare `type: text`"),
    "not_a_datetime": ProblemCode(
        "the value cannot be read as a date with a time, nor the number as YYYYMMDD or unix time",
        "correct it, or declare `type: date` or `type: text`",
    ),
    "implausible_date": ProblemCode(
        "the birthdate lies before 1901 or in the future: mostly a default of the shop system, such as 1900-01-01",
        "nothing, or store NULL where the date is not known",
    ),
    "not_a_uuid": ProblemCode("the value is neither a UUID, nor its 16 bytes, nor its text", "declare another `type`"),
    "not_a_list": ProblemCode("the value is not a list", "use the step split(…), or declare `type: json`"),
    "not_json": ProblemCode("the text is not JSON, or nested too deeply", "correct it, or declare `type: text`"),
    "unsupported_type": ProblemCode(
        "the column's type has no form in an event", "convert it in a `query`, or map another column"
    ),
    "undecodable_value": ProblemCode(
        "the value cannot be read: an infinite date, a year after 9999, a text that is not UTF-8, a failing expression",
        "correct it in the table; or cast it to a text in a `query` and let `map` name it",
    ),
    "not_unicode": ProblemCode("the text holds half a surrogate pair, which UTF-8 cannot carry", "correct it"),
    "control_characters": ProblemCode(
        "the text holds NUL or other control characters", "repair it with the step clean, or at the source"
    ),
    "too_long": ProblemCode("the value is longer than an event may carry", "shorten it with the step truncate(n)"),
}

_TIME = {
    "missing_timezone": ProblemCode(
        "a datetime without a zone, and the mapping does not say which it is", "set `source.timezone`"
    ),
    "ambiguous_time": ProblemCode(
        "a local time that happened twice in the night that ends summer time; the first was taken",
        "nothing, if an hour does not matter; otherwise store times in UTC",
    ),
    "nonexistent_time": ProblemCode(
        "a local time that the night that begins summer time skipped",
        "correct it, or correct `source.timezone`: the column may be in UTC",
    ),
}

_WHOLE_ROW = {
    "step_failed": ProblemCode(
        "a step of `transform` cannot work on this value", "declare a `type` that gives the step what it needs"
    ),
    "invalid_products": ProblemCode(
        "the products cannot be built: a line has no id, a value that is wrong, or the JSON is not a list of objects",
        "correct the lines; `explain` shows which one",
    ),
    "event_too_large": ProblemCode(
        "the event alone is larger than a request may be, or more lines belong to the row than any request can hold",
        "map fewer fields, shorten texts with truncate(n), or leave lines out with `products.where`",
    ),
    "unreadable_row": ProblemCode(
        "the row cannot be read: its key or its cursor cannot be decoded, or `where` or a child's row fails for it",
        "correct the value (an infinite date, broken UTF-8, a division by zero)",
    ),
}

_ANSWERS = {
    "refused": ProblemCode("the API refused the event", "read the API's words in `explain`, correct, then `retry`"),
    "http_400": ProblemCode("the API answered 400 for the event, without a code", "read its words in `explain`"),
    "http_401": ProblemCode(
        "the API answered this event alone as it answers a wrong key, in five nights, while it calls the key right",
        "look in the row for odd text, correct it; or ask who runs the firewall between here and the API",
    ),
    "http_402": ProblemCode(
        "the API answered this event alone as one above the account's quota, in five nights, while others passed",
        "read its words in `explain`; `retry` once the account has room",
    ),
    "http_404": ProblemCode(
        "the API or a firewall answered 404 for this event alone, while others passed; so do 302, 405, 406, 410 … 501",
        "look in the row for text that looks like code or an attack, correct it, or ask who runs the firewall",
    ),
    "http_409": ProblemCode("the API answered 409 for the event, without a code", "read its words in `explain`"),
    "http_422": ProblemCode("the API answered 422 for the event, without a code", "read its words in `explain`"),
    "http_403": ProblemCode(
        "a firewall before the API refuses the event, while it lets others pass",
        "look in the row for text that looks like code or an attack, correct it, or ask who runs the firewall",
    ),
    "server_error": ProblemCode(
        "the API fails (5xx, 413 whatever the size, connection lost) whenever this event is sent, while others pass, "
        "or in five nights",
        "read its words in `explain`, look for odd text in the row, tell the vendor; `retry` once it is mended",
    ),
    "too_large": ProblemCode("the API refuses the event alone as too large", "map fewer fields, or use truncate(n)"),
    "partly_accepted": ProblemCode(
        "the API took fewer events than the request held, and did not say which",
        "compare with the account; `retry` sends them again, which may repeat some",
    ),
    "overtaken": ProblemCode(
        "a backfill and a run sent two versions of the row at the same time, so the receiver may hold the older one",
        "`retry` sends the row as it is now",
    ),
    "dead_letter": ProblemCode(
        "the event is the very one that the row's open dead letter speaks of, so it was not sent again",
        "look at the dead letter with `explain`; `retry` sends it",
    ),
    "null_cursor": ProblemCode("the row has no cursor value, so no run reads it", "fill the column in the database"),
    "misshaped_cursor": ProblemCode(
        "the cursor is a text that is no time, so no run reads the row", "correct the value in the database"
    ),
    "future_cursor": ProblemCode(
        "the cursor lies more than a minute ahead of the database's clock, so the row is held until its time has come",
        "correct the time, or the clock of the program that wrote it",
    ),
    "gone": ProblemCode("the row of a dead letter no longer exists, so it was closed", "nothing"),
}

PROBLEMS: Mapping[str, ProblemCode] = MappingProxyType(
    _IDENTITY | _CODES | _SHAPES | _TIME | _WHOLE_ROW | _ANSWERS,
)

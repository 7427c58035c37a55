"""The steps of `transform`: what each does with a value.

The rule: a step changes only what its name says; a value that it cannot handle is a problem (step_failed), never
silently turned into text. Text steps work on texts, and on each text of a list that `split` made.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from hashlib import sha256
from uuid import UUID

from etl.mapping.hashed import HASHED
from etl.mapping.steps import Step
from etl.transform.apply import ByValue, Rule
from etl.transform.moment import moment_of_number, parse_date, parse_datetime
from etl.transform.number import finite, parse_number
from etl.transform.problem import RefusedValueError
from etl.transform.title import lower, title
from etl.transform.zone import LocalTime

_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_WINDOWS = {
    code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_EXACT = Context(prec=3000)
# Joiners and variation selectors belong to the character before them, like combining marks.
_JOINING = frozenset("\u200d\ufe0e\ufe0f")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)


def step_rule(  # noqa: PLR0911 - one return a kind of step
    step: Step, *, zone: LocalTime, kind: str | None = None, type_name: str | None = None, separator: str = "."
) -> Rule:
    """The rule of `step` for a field of type `type_name` from a column of `kind`; `separator` is that of decimals."""
    match step.name:
        case "scale":
            factor = Decimal(str(step.arguments[0]))
            return ByValue(lambda value: scale_number(value, factor, separator=separator), repeats=False)
        case "hex":
            return ByValue(_hex, repeats=False)
        case "round":
            places = int(step.arguments[0])
            return ByValue(lambda value: round_number(value, places, separator=separator), repeats=False)
        case "date":
            pattern = str(step.arguments[0])
            return ByValue(
                lambda value: format_date(_moment(value, zone=zone, kind=kind, type_name=type_name), pattern),
                repeats=False,
            )
        case "split":
            separator = str(step.arguments[0])
            return ByValue(lambda value: split_text(_text(value, "split"), separator))
        case "sha256" if type_name == "email":
            return ByValue(_on_texts("sha256", hash_email), repeats=False)
        case _:
            return ByValue(_on_texts(step.name, _text_step(step)), repeats=step.name != "sha256")


def _text_step(step: Step) -> Callable[[str], str]:
    one, two = (*step.arguments, None, None)[:2]
    table: dict[str, Callable[[str], str]] = {
        "strip": str.strip,
        "clean": clean,
        "lower": lower,
        "upper": str.upper,
        "title": title,
        "squeeze_spaces": lambda text: " ".join(text.split()),
        "sha256": hash_text,
        "digits": lambda text: _NOT_A_DIGIT.sub("", text),
        "truncate": lambda text: truncate(text, int(one or 0)),
        "replace": lambda text: text.replace(str(one), str(two)),
        "prefix": lambda text: str(one) + text,
        "suffix": lambda text: text + str(one),
    }
    return table[step.name]


def _on_texts(name: str, function: Callable[[str], str]) -> Callable[[object], object]:
    def apply(value: object) -> object:
        if isinstance(value, list):
            return [function(_text(one, name)) for one in value]
        return function(_text(value, name))

    return apply


def _text(value: object, step: str) -> str:
    if isinstance(value, str):
        return value
    words = f"the step {step} needs a text, not a value of type {type(value).__name__}; declare `type: text`"
    raise RefusedValueError("step_failed", words)


def hash_text(text: str) -> str:
    """The SHA-256 of the UTF-8 text in lower-case hex. Raises RefusedValueError (not_unicode)."""
    try:
        return sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        raise RefusedValueError("not_unicode", "the text holds half a surrogate pair") from None


def hash_email(text: str) -> str:
    """As `hash_text`, but what is a hash already stays: it is never hashed twice."""
    return text if HASHED.fullmatch(text) else hash_text(text)


def truncate(text: str, length: int) -> str:
    """The first `length` code points, or fewer so as not to separate a letter from its combining marks."""
    if len(text) <= length:
        return text
    cut = length
    while cut and (unicodedata.combining(text[cut]) or text[cut] in _JOINING or text[cut - 1] == "\u200d"):
        cut -= 1
    return text[: cut or length].rstrip("\u200d")


def split_text(text: str, separator: str) -> list[str] | None:
    """The parts between separators, stripped, without empty ones; None when nothing is left."""
    return [part for part in map(str.strip, text.split(separator)) if part] or None


def clean(text: str) -> str:
    """`text` without control characters; those of U+0080 to U+009F become what Windows-1252 means by them.

    Tabs and line breaks stay. A Windows text that was read as Latin-1 has such characters where it had quotation marks,
    dashes or the euro sign.
    """
    return _CONTROL.sub("", text.translate(_WINDOWS)) if not text.isprintable() else text


def _hex(value: object) -> str:
    if isinstance(value, UUID):
        return value.hex
    if not isinstance(value, bytes | bytearray | memoryview):
        words = f"the step hex needs bytes, not a value of type {type(value).__name__}"
        raise RefusedValueError("step_failed", words)
    return bytes(value).hex()


def scale_number(value: object, factor: Decimal, *, separator: str = ".") -> object:
    """The number times `factor`, exact; text is read as a number. A float stays a float.

    Raises RefusedValueError (step_failed, and as `finite` and `parse_number`).
    """
    number = _number(value, "scale", separator)
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    scaled = _EXACT.multiply(exact, factor)
    return float(scaled) if isinstance(number, float) else scaled or scaled.copy_abs()


def _number(value: object, step: str, separator: str) -> int | float | Decimal:
    if isinstance(value, str):
        value = parse_number(value, decimal_separator=separator)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        words = f"the step {step} needs a number, not a value of type {type(value).__name__}"
        raise RefusedValueError("step_failed", words)
    return finite(value)


def round_number(value: object, places: int, *, separator: str = ".") -> object:
    """A number with at most `places` decimals, halves away from zero; whole numbers for 0. Text is read as a number.

    A float stays a float. Raises RefusedValueError (step_failed, and as `finite` and `parse_number`).
    """
    number = _number(value, "round", separator)
    if isinstance(number, int):
        return number
    exact = Decimal(repr(number)) if isinstance(number, float) else number
    as_tuple = exact.as_tuple()
    assert isinstance(as_tuple.exponent, int)  # finite numbers have one
    if as_tuple.exponent < -places or places == 0:
        exact = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_EXACT)
    exact = exact or exact.copy_abs()
    if places == 0:
        return int(exact)
    return float(exact) if isinstance(number, float) else exact


def _moment(value: object, *, zone: LocalTime, kind: str | None, type_name: str | None) -> date:
    if isinstance(value, str):
        try:
            moment: object = parse_datetime(value)
        except RefusedValueError:
            moment = parse_date(value)
        value = moment
    elif isinstance(value, datetime) and value.tzinfo is None and kind == "datetime_tz":
        value = value.replace(tzinfo=UTC)
    elif type_name in ("datetime", "date") and isinstance(value, int) and not isinstance(value, bool):
        value = moment_of_number(value)
    if not isinstance(value, date):
        words = f"the step date needs a date or datetime, not a value of type {type(value).__name__}"
        raise RefusedValueError("step_failed", words)
    if isinstance(value, datetime) and value.tzinfo is not None and zone.zone is not None:
        return value.astimezone(zone.zone)
    return value


def format_date(moment: date, pattern: str) -> str:
    """`moment` by the directives of `etl.mapping.steps.DATE_DIRECTIVES`; the time of a date is midnight.

    The same on every machine: names of days and months are English whatever the locale, and years have four digits,
    neither of which the C library's strftime promises.
    """
    full = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    parts: dict[str, Callable[[], str]] = {
        "Y": lambda: f"{full.year:04}",
        "y": lambda: f"{full.year % 100:02}",
        "m": lambda: f"{full.month:02}",
        "d": lambda: f"{full.day:02}",
        "e": lambda: f"{full.day:2}",
        "j": lambda: f"{full.timetuple().tm_yday:03}",
        "H": lambda: f"{full.hour:02}",
        "M": lambda: f"{full.minute:02}",
        "S": lambda: f"{full.second:02}",
        "B": lambda: _MONTHS[full.month - 1],
        "b": lambda: _MONTHS[full.month - 1][:3],
        "A": lambda: _DAYS[full.weekday()],
        "a": lambda: _DAYS[full.weekday()][:3],
        "%": lambda: "%",
    }
    return _DIRECTIVE.sub(lambda found: parts[found[1]](), pattern)

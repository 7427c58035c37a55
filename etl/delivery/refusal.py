"""The API's own words about an event, made fit to be kept: short, printable, and without anything that was sent.

Servers echo their input. No row's value may reach a log or the state, so whatever the request held is taken out again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

MAX_WORDS = 200
REDACTED = "[redacted]"

_CODE_FIELDS = ("code", "error_code", "errorCode", "type")
_TEXT_FIELDS = ("message", "error", "description", "detail", "reason", "text", "title", "msg")
_NOT_WORDS = (*_CODE_FIELDS, "success")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*\Z")
_CODE_IN_TEXT = re.compile(r"\s*([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![A-Za-z0-9_])")
_MAX_CODE = 40
# Bounded on both sides: an unbounded `\S+@\S+` is quadratic on a hostile body.
_EMAIL = re.compile(r"[^\s@\"'<>(),;:=]{1,64}(?:@|%40|&#64;)[^\s@\"'<>(),;:=]{1,255}")
_TOKEN = re.compile(r"[0-9A-Fa-f]{16,}|(?=[A-Za-z+/_-]*\d)[A-Za-z0-9+/_-]{32,}|\+?\d[\d .()-]{7,}\d")
_MAX_READ = 4096
_SHORTEST_ECHO = 3


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API refused an event. `code` is a stable word; `words` are the API's own, redacted and capped."""

    code: str
    words: str


def read_refusal(error: object, *, otherwise: str, sent: bytes) -> Refusal:
    """The refusal that `error`, any JSON value of an answer, speaks of.

    otherwise: the code when the answer gives none that looks like one (`TIMESTAMP_ERROR` does).
    sent: the request's body, whose values are taken out of the words; b"" when it is not at hand.
    """
    text = "; ".join(text for text in _texts(error) if text.strip())[:_MAX_READ]
    code = _declared_code(error) or _code_in(text) or otherwise
    return Refusal(code, redact(text, sent=sent))


def redact(text: str, *, sent: bytes = b"") -> str:
    """`text` in one printable line of at most 200 characters, without addresses, tokens, and the values in `sent`."""
    line = " ".join("".join(_printable(text[:_MAX_READ])).split())
    line = _EMAIL.sub(REDACTED, line)
    folded = line.casefold()
    echoes = {value for value in _values_sent(sent) if value.casefold() in folded}
    for echo in sorted(echoes, key=len, reverse=True):
        line = re.sub(rf"(?<!\w){re.escape(echo)}(?!\w)", REDACTED, line, flags=re.IGNORECASE)
    line = _TOKEN.sub(REDACTED, line)
    return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1] + "…"


def _texts(error: object, *, depth: int = 0) -> Iterator[str]:
    match error:
        case str():
            yield error
        case list() if depth < 3:
            for item in error[:10]:
                yield from _texts(item, depth=depth + 1)
        case dict() if depth < 3:
            named = [error[name] for name in _TEXT_FIELDS if isinstance(error.get(name), str | list | dict)]
            others = [value for name, value in error.items() if name not in _NOT_WORDS]
            for item in named or others[:10]:
                yield from _texts(item, depth=depth + 1)
        case _:
            return


def _declared_code(error: object, *, depth: int = 0) -> str | None:
    """The first code in a field made for it, the outermost first."""
    if depth == 3 or not isinstance(error, dict | list):
        return None
    if isinstance(error, dict):
        for name in _CODE_FIELDS:
            code = error.get(name)
            if isinstance(code, str) and _is_code(code):
                return code
    inner = error.values() if isinstance(error, dict) else error
    found = (_declared_code(item, depth=depth + 1) for item in [*inner][:10])
    return next((code for code in found if code), None)


def _code_in(text: str) -> str | None:
    found = _CODE_IN_TEXT.match(text)
    return found[1] if found and _is_code(found[1]) else None


def _is_code(word: str) -> bool:
    return len(word) <= _MAX_CODE and bool(_CODE.match(word)) and not _TOKEN.search(word)


def _printable(text: str) -> Iterator[str]:
    for char in text:
        if char.isspace():
            yield " "
        elif unicodedata.category(char)[0] != "C":
            yield char


def _values_sent(sent: bytes) -> Iterator[str]:
    """Every text and longer number in a request's events, but the event's name, which the mapping chose."""
    try:
        waiting: list[object] = [orjson.loads(sent)] if sent else []
    except orjson.JSONDecodeError:
        return
    while waiting:
        match waiting.pop():
            case dict() as fields:
                waiting.extend(value for name, value in fields.items() if name != "event")
            case list() as items:
                waiting.extend(items)
            case str() as text if len(text.strip()) >= _SHORTEST_ECHO:
                yield " ".join(text.split())
            case bool():
                pass
            case int() | float() as number if len(str(number)) > _SHORTEST_ECHO:
                yield str(number)
            case _:
                pass

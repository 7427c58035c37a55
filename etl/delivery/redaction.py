"""Takes out of a server's words everything that was sent to it, and everything that looks like a person or a key.

Servers echo their input, and no row's value may reach a log or the state (F3, F19), nor a control character (F15).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import orjson

MAX_WORDS = 200
REDACTED = "[redacted]"

# Looked at further than kept, so that a value on the edge is still seen whole.
_LOOKED_AT = 600
_KEPT = 300
_LONGEST_ECHO_TOKENS = 40
_SHORTEST_ECHO = 3

# Bounded on both sides: an unbounded `\S+@\S+` is quadratic on a hostile body.
_SENSITIVE = re.compile(
    r"[^\s@\"<>(),;:=]{1,64}(?:@|%40|&#64;)[^\s@\"<>(),;:=]{1,255}(?<![.!?'])"  # an e-mail address
    r"|(?<!\w)[0-9A-Fa-f]{16,}(?!\w)"  # a hash or a key
    r"|(?<!\w)(?=[A-Za-z+/_-]*\d)[A-Za-z0-9+/_-]{32,}"  # a token
    r"|(?<!\w)\+?\d[\d .()-]{7,}\d"  # a telephone number, a card
)
_TOKEN = re.compile(r"\w+|[^\w\s]")


class Sent:
    """The values in a request's body, for comparison; read only when there are words to compare them with."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._values: frozenset[str] | None = None

    def __contains__(self, text: str) -> bool:
        """Whether `text`, in any case, is one of the values."""
        if self._values is None:
            self._values = frozenset(value.casefold() for value in _values(self._body))
        return text.casefold() in self._values


def redact(text: str, *, sent: Sent) -> str:
    """`text` in one printable line of at most 200 characters, without addresses, tokens, and what was sent."""
    line = " ".join("".join(_printable(text[: 4 * _LOOKED_AT])).split())
    kept = "".join(_pieces(line[:_LOOKED_AT], sent))
    return kept if len(kept) <= MAX_WORDS else kept[: MAX_WORDS - 1] + "…"


def looks_sensitive(word: str) -> bool:
    """Whether a word may be an address or a key."""
    return bool(_SENSITIVE.search(word))


def _pieces(line: str, sent: Sent) -> Iterator[str]:
    done = 0
    for start, end in sorted([*_echoes(line, sent), *(found.span() for found in _SENSITIVE.finditer(line))]):
        if start >= _KEPT:
            break
        if start >= done:
            yield line[done:start]
            yield REDACTED
        done = max(done, end)
    yield line[done : max(done, _KEPT)]


def _echoes(line: str, sent: Sent) -> Iterator[tuple[int, int]]:
    """Where the line repeats a value, the longest at each place; whole words only, or `no` would be in `not`."""
    tokens = [found.span() for found in _TOKEN.finditer(line)]
    for first, (start, _) in enumerate(tokens):
        for _, end in reversed(tokens[first : first + _LONGEST_ECHO_TOKENS]):
            if end - start >= _SHORTEST_ECHO and line[start:end] in sent:
                yield start, end
                break


def _printable(text: str) -> Iterator[str]:
    for char in text:
        if char.isspace():
            yield " "
        elif unicodedata.category(char)[0] != "C":
            yield char


def _values(body: bytes) -> Iterator[str]:
    """Every text and number in a request's events, but the event's name, which the mapping chose."""
    try:
        waiting: list[object] = [orjson.loads(body)] if body else []
    except orjson.JSONDecodeError:
        return
    while waiting:
        match waiting.pop():
            case dict() as fields:
                waiting.extend(value for name, value in fields.items() if name != "event")
            case list() as items:
                waiting.extend(items)
            case str() as text:
                yield " ".join("".join(_printable(text)).split())
            case bool():
                pass
            case int() | float() as number if len(str(number)) > _SHORTEST_ECHO:
                yield str(number)
            case _:
                pass

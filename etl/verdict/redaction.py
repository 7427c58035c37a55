"""Redacts a server's words: keeps codes and words of a known vocabulary, except values that were sent.

Servers echo their input, and know more than was sent; no row's value may reach a log or the state (F3, F19), nor may a
control character (F15).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import orjson

from etl.verdict.answer_words import NUMBERS_OF_EVENTS
from etl.verdict.vocabulary import VOCABULARY

MAX_WORDS = 200
REDACTED = "[redacted]"

# How many characters are examined: more than are kept, so that a value at the edge is still seen whole.
_LOOKED_AT = 600
_KEPT = 300
_LONGEST_ECHO_TOKENS = 40
_SHORTEST_ECHO = 3
# Longer digits are compared as text, not as a number.
_LONGEST_NUMBER = 40

# Bounded on both sides: an unbounded `\S+@\S+` is quadratic on a hostile body.
_SENSITIVE = re.compile(
    r"[^\s@\"<>(),;:=]{1,64}(?:@|%40|&#64;)[^\s@\"<>(),;:=]{1,255}(?<![.!?'])"  # an e-mail address
    r"|(?<!\w)[0-9A-Fa-f]{16,}(?!\w)"  # a hash or a key
    r"|(?<!\w)(?=[A-Za-z+/_-]*\d)[A-Za-z0-9+/_-]{32,}"  # a token
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w)"  # an address of the internet: IPv4
    r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f]{1,4}(?!\w)"  # IPv6, whole and shortened
    r"|(?<![\w:])(?:(?:[0-9A-Fa-f]{1,4}:){1,7}|:)(?::[0-9A-Fa-f]{1,4}){1,7}(?!\w)"
    r"|(?<!\w)\+?\d[\d .()-]{7,}\d"  # a telephone number, a card
)
_TOKEN = re.compile(r"\w+|[^\w\s]")
# What may be shown: codes (INVALID_EMAIL), names of custom fields, short numbers such as a position or a count.
_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", re.ASCII)
_SNAKE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+", re.ASCII)
# Splits a code into its words: invalid_email, TIMESTAMP_ERROR, invalidEmail.
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", re.ASCII)
_CUSTOM = re.compile(r"custom_[a-z0-9_]{1,40}", re.ASCII)
_SHORT = re.compile(r"[0-9]{1,3}|[A-Za-z]", re.ASCII)
# A number in a text, also with a decimal point or thousands set apart; no part of a word.
_NUMBER = re.compile(r"(?<!\w)[0-9]+(?:[.,][0-9]+)*(?!\w)", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_NUMBERS_BESIDE = ("index", "event_index", "position", "total", "count", "status", "code")
# A number after such a name in JSON is a count, an index or a status, not an echo.
_A_COUNT = re.compile(rf'"(?:{"|".join((*NUMBERS_OF_EVENTS, *_NUMBERS_BESIDE))})" ?: ?$')
# The same for a number as a name in JSON: "6":
_A_NAME = re.compile(r'" ?:')
# A run of characters that an address or a user id may consist of.
_WORD_OF_ID = re.compile(r"[^\s\"'<>(),;:=\\]+")
IDENTITIES = ("email", "userid")
_ONE_AFTER_THE_OTHER = re.compile(rf"{re.escape(REDACTED)}(?:[\s'.-]*{re.escape(REDACTED)})+")


class Sent:
    """The values in a request's body, for comparison; parsed only when needed."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._values: frozenset[str] | None = None
        self._numbers: frozenset[Decimal] = frozenset()
        self._ids: list[set[str]] | None = None

    def __contains__(self, text: str) -> bool:
        """Whether `text`, in any case, is one of the values."""
        return text.casefold() in self._read()

    def has_number(self, text: str) -> bool:
        """Whether `text`, a match of `_NUMBER`, may stand for one of the values, with either sign."""
        self._read()
        return not self._numbers.isdisjoint(_numbers_in(text))

    def _read(self) -> frozenset[str]:
        if self._values is None:
            values = list(_values(self._body))
            self._values = frozenset(value.casefold() for value in values if len(value) >= _SHORTEST_ECHO)
            unsigned = (value.lstrip("+-") for value in values if len(value) <= _LONGEST_NUMBER)
            self._numbers = frozenset(
                one for value in unsigned if _NUMBER.fullmatch(value) for one in _numbers_in(value)
            )
        return self._values

    def events_named_in(self, error: object) -> set[int]:
        """The indexes of the events whose address or user id occurs in the JSON value `error` and in no other event."""
        try:
            text = orjson.dumps(error).decode().casefold()
        except (orjson.JSONEncodeError, TypeError):
            return set()
        ids = self._identities()
        words = set(_WORD_OF_ID.findall(text))
        count = Counter(one for each in ids for one in each)
        return {
            at
            for at, each in enumerate(ids)
            if any(count[one] == 1 and len(one) > _SHORTEST_ECHO and one in words for one in each)
        }

    def events_of(self, identity: str) -> set[int]:
        """The indexes of the events with this address or user id, in any case."""
        return {at for at, each in enumerate(self._identities()) if identity.strip().casefold() in each}

    @property
    def events(self) -> int:
        """How many events were sent; 0 where the request is not at hand."""
        return len(self._identities())

    def _identities(self) -> list[set[str]]:
        """The address and the user id of each event, in lower case."""
        if self._ids is None:
            try:
                events = orjson.loads(self._body)["events"]
                self._ids = [
                    {str(event[name]).casefold() for name in IDENTITIES if event.get(name)} for event in events
                ]
            except (orjson.JSONDecodeError, KeyError, TypeError):
                self._ids = []
        return self._ids


def redact(text: str, *, sent: Sent) -> str:
    """`text` as one printable line of at most 200 characters; everything not known to be harmless is masked."""
    line = _one_line(text[: 4 * _LOOKED_AT])
    kept = _ONE_AFTER_THE_OTHER.sub(REDACTED, "".join(_pieces(line[:_LOOKED_AT], sent)))
    return kept if len(kept) <= MAX_WORDS else kept[: MAX_WORDS - 1] + "…"


def without_sent(text: str, *, sent: Sent) -> str:
    """`text` without values that were sent or look personal; keeps unknown words, so it must not be stored or shown."""
    line = _one_line(text[: 4 * _LOOKED_AT])
    return "".join(_pieces(line[:_LOOKED_AT], sent, mask_unknown=False))


def is_code(word: str, *, sent: Sent) -> bool:
    """Whether a word has the form of a code or consists of known words, and no part of it was sent."""
    if _SENSITIVE.search(word):
        return False
    parts = _PART.findall(word)
    if any(len(part) >= _SHORTEST_ECHO and part in sent for part in (word, *parts)):
        return False
    return _SNAKE.fullmatch(word) is not None or (bool(parts) and all(part.lower() in VOCABULARY for part in parts))


def _is_made_of_known(word: str, sent: Sent) -> bool:
    """Whether it consists of known words, like QueryException or invalid_email."""
    parts = _PART.findall(word)
    known = len(parts) > 1 and all(part.lower() in VOCABULARY for part in parts)
    return known and len("".join(parts)) == len(word.replace("_", "")) and is_code(word, sent=sent)


def _pieces(line: str, sent: Sent, *, mask_unknown: bool = True) -> Iterator[str]:
    def known(found: re.Match[str]) -> str:
        word = found[0]
        if not mask_unknown or (not word[0].isalnum() and word[0] != "_"):
            return word
        kept = (
            word.lower() in VOCABULARY
            or any(one.fullmatch(word) for one in (_CUSTOM, _SHORT))
            or (_CODE.fullmatch(word) is not None and is_code(word, sent=sent))
            or _is_made_of_known(word, sent)
        )
        return word if kept else REDACTED

    done = 0
    for start, end in sorted(
        [*_echoes(line, sent), *_numbers(line, sent), *(found.span() for found in _SENSITIVE.finditer(line))]
    ):
        if start >= _KEPT:
            break
        if start >= done:
            yield _TOKEN.sub(known, line[done:start])
            yield REDACTED
        done = max(done, end)
    yield _TOKEN.sub(known, line[done : max(done, _KEPT)])


def _echoes(line: str, sent: Sent) -> Iterator[tuple[int, int]]:
    """The spans where the line repeats a value, the longest first; whole words only, or `no` would match in `not`."""
    tokens = [found.span() for found in _TOKEN.finditer(line)]
    for first, (start, _) in enumerate(tokens):
        for _, end in reversed(tokens[first : first + _LONGEST_ECHO_TOKENS]):
            if end - start >= _SHORTEST_ECHO and line[start:end] in sent:
                yield start, end
                break


def _one_line(text: str) -> str:
    # Most texts need no change; examining each character takes fifty times as long.
    plain = text.isascii() and text.isprintable()
    return " ".join((text if plain else "".join(_printable(text))).split())


def _numbers(line: str, sent: Sent) -> Iterator[tuple[int, int]]:
    """The spans where the line repeats a number that was sent, however short."""
    for found in _NUMBER.finditer(line):
        if _A_COUNT.search(line[: found.start()][-_KEPT:]) or _is_place(line, *found.span(), sent=sent):
            continue
        if sent.has_number(found[0]):
            yield found.span()
            continue
        # Perhaps several numbers of a list, as in 12,47.
        for part in _DIGITS.finditer(line, *found.span()):
            if sent.has_number(part[0]):
                yield part.span()


def _is_place(line: str, start: int, end: int, *, sent: Sent) -> bool:
    """Whether a number is a name in JSON, and may be the index of an event in the request."""
    named = line[:start].endswith('"') and _A_NAME.match(line, end) is not None
    return named and line[start:end].isdigit() and int(line[start:end]) <= sent.events


def _numbers_in(text: str) -> set[Decimal]:
    """What a match of `_NUMBER` may mean: 1,234.50 and 1.234,50, 1,234 and 1.234."""
    whole, _, fraction = text.replace(",", ".").rpartition(".")
    both = {"".join(_DIGITS.findall(text)), f"{whole.replace('.', '')}.{fraction}" if whole else fraction}
    return {Decimal(one) for one in both}


def _printable(text: str) -> Iterator[str]:
    for char in text:
        if char.isspace():
            yield " "
        elif unicodedata.category(char)[0] != "C":
            yield char


def _values(body: bytes) -> Iterator[str]:
    """Every text and number in a request's events, except the event's name, which comes from the mapping."""
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
                yield _one_line(text)
            case bool():
                pass
            case int() | float() as number:
                yield str(number)
            case _:
                pass

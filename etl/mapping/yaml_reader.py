"""YAML text to plain data with places, safely.

Works on the parser's events and never builds an object, so no tag can do anything (F14). The scalars are those of YAML
1.2's core schema: `no`, `on`, `12:30:00` and dates stay text. Two steps beyond it keep people's data: digits with a
leading zero stay text (postal codes), and a number that a float would change becomes a Decimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from etl.mapping.document import Document, Finding, Path, Place

MAX_BYTES = 1_048_576
MAX_DEPTH = 50

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MOST_DIGITS = 1000
_LARGEST_EXPONENT = 1000
_INDENTATION = "; the indentation does not fit: the keys of a section begin in one column, each with its colon"
_QUOTES = "; put quotes around a text that holds a colon"


def read_yaml(content: bytes) -> Document:
    """The document in `content`, with everything that was wrong with its YAML in `findings`.

    After an error of syntax, encoding or size, `data` is None and `findings` has this one; otherwise the data is whole.
    """
    if len(content) > MAX_BYTES:
        return _refused("larger than 1 MiB; a mapping is not meant to carry data")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        return _refused("not UTF-8; save the file in UTF-8", Place(line, column))
    reader = _Reader()
    try:
        for event in _events(text):
            reader.take(event)
    except yaml.YAMLError as error:
        return _refused(*_not_yaml(error, text))
    except _TooMuch as refusal:
        return _refused(refusal.words, refusal.place)
    except (ValueError, OverflowError, RecursionError):
        return _refused("not valid YAML: a number or an escaped character that is out of range")
    return reader.document()


def _not_yaml(error: yaml.YAMLError, text: str) -> tuple[str, Place | None]:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        place = None if mark is None else _place(mark)
        return f"not valid YAML: {error.problem or error.context}{_since(error)}{_syntax_hint(error, text)}", place
    before = text[: getattr(error, "position", 0)]
    place = Place(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
    return "not valid YAML: holds a control character", place


def _events(text: str) -> Iterator[Event]:
    yield from yaml.parse(text, Loader=yaml.SafeLoader)


def _refused(words: str, place: Place | None = None) -> Document:
    return Document(None, findings=[Finding((), words, place=place or Place(1, 1))])


def _place(mark: Any) -> Place:  # noqa: ANN401  # the stubs allow None, which the parser never gives
    assert mark is not None
    return Place(mark.line + 1, mark.column + 1)


def _since(error: yaml.MarkedYAMLError) -> str:
    """Where that began, when it was in an earlier line: there the mistake usually is."""
    begun, noticed = error.context_mark, error.problem_mark
    if not error.context or begun is None or noticed is None or begun.line == noticed.line:
        return ""
    return f" {error.context} that begins in line {begun.line + 1}"


def _syntax_hint(error: yaml.MarkedYAMLError, text: str) -> str:  # noqa: PLR0911 - one return a hint
    problem, context, mark = error.problem or "", error.context_mark, error.problem_mark
    # YAML counts lines that end in other ways, too, so that there may be fewer of these.
    before = "" if mark is None else "".join(text.split("\n")[mark.line : mark.line + 1])[: mark.column]
    if "'\\t'" in problem:
        return "; indent with spaces, not with tabs"
    if "unexpected end of stream" in problem:
        return "; a quote is not closed"
    if "mapping values are not allowed here" in problem:
        # A key alone on its line was taken for more of the text above it.
        return _QUOTES if re.search(r":\s", before) else _INDENTATION
    if "but found ':'" in problem:
        return "; a colon has no key before it"
    if "expected <block end>" in problem or "expected '<document start>'" in problem:
        return "; put quotes around the whole text" if before.strip() else _INDENTATION
    if "could not find expected ':'" in problem:
        return _INDENTATION
    if "expected ',' or '" in problem and mark is not None and context is not None and context.line < mark.line:
        return f"; a {'[' if 'sequence' in (error.context or '') else '{'} is not closed"
    if "cannot start any token" in problem or "expected ',' or '" in problem:
        return "; put quotes around the text"
    return ""


class _TooMuch(Exception):  # control flow inside this module
    def __init__(self, words: str, place: Place) -> None:
        super().__init__(words)
        self.words = words
        self.place = place


@dataclass(slots=True)
class _Open:
    """A collection that is being read. `key` is the mapping's pending key; `skip` when its value is to be dropped."""

    value: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None
    skip: bool = False


class _Reader:
    """Builds the data event by event, with a stack of its own instead of recursion."""

    def __init__(self) -> None:
        self._data: Any = None
        self._stack: list[_Open] = []
        self._values: dict[Path, Place] = {}
        self._keys: dict[Path, Place] = {}
        self._findings: list[Finding] = []
        self._documents = 0
        self._ignored_depth = 0

    def document(self) -> Document:
        """All that was read."""
        return Document(self._data, self._values, self._keys, self._findings)

    def take(self, event: Event) -> None:
        """The next event of the parser."""
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _TooMuch("a second document begins (---); a mapping file holds one", _place(event.start_mark))
            case AliasEvent():
                self._refuse(event, "aliases (*name) are not allowed; write the value again")
                self._scalar(None, event)
            case ScalarEvent():
                self._check(event)
                self._scalar(event, event)
            case MappingStartEvent():
                self._check(event)
                self._open({}, event)
            case SequenceStartEvent():
                self._check(event)
                self._open([], event)
            case CollectionEndEvent():
                self._close()
            case _:
                pass

    def _check(self, event: NodeEvent) -> None:
        if event.anchor is not None:
            self._refuse(event, "anchors (&name) are not allowed; write the value where it is needed")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._refuse(event, "tags (!name) are not allowed; quotes make a text")

    def _refuse(self, event: Event, words: str) -> None:
        place = _place(event.start_mark)
        path = self._path()
        self._findings.append(Finding(path, words, place=place))

    def _path(self) -> Path:
        """The path of the value that comes next (of the collection, while one of its keys comes next)."""
        if not self._stack:
            return ()
        top = self._stack[-1]
        if isinstance(top.value, list):
            return (*top.path, len(top.value))
        return top.path if top.key is None else (*top.path, top.key)

    def _open(self, value: dict[str, Any] | list[Any], event: Event) -> None:
        if len(self._stack) + self._ignored_depth >= MAX_DEPTH:
            raise _TooMuch(f"nested more than {MAX_DEPTH} levels deep", _place(event.start_mark))
        if self._ignored_depth:
            self._ignored_depth += 1
            return
        if self._expects_key():
            self._refuse(event, "a key must be a text, not a list or a section (braces that begin a text need quotes)")
            self._stack[-1].key = ""
            self._stack[-1].skip = True
            self._ignored_depth = 1
            return
        path = self._path()
        self._put(value, event)
        self._stack.append(_Open(value, path))

    def _close(self) -> None:
        if self._ignored_depth:
            self._ignored_depth -= 1
            return
        self._stack.pop()

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _scalar(self, scalar: ScalarEvent | None, event: Event) -> None:
        if self._ignored_depth:
            return
        if self._expects_key():
            self._take_key(scalar, event)
        else:
            self._put(None if scalar is None else self._resolve(scalar), event)

    def _take_key(self, scalar: ScalarEvent | None, event: Event) -> None:
        top = self._stack[-1]
        assert isinstance(top.value, dict)
        plain = scalar is not None and scalar.implicit[0]
        key = "" if scalar is None else scalar.value
        if plain and key in (*_TRUE, *_FALSE):
            key = key.lower()
        place = _place(event.start_mark)
        path = (*top.path, key)
        if scalar is None or (plain and _NULL.fullmatch(key)) or _half_surrogate(key):
            if scalar is not None:
                words = (
                    "holds half a surrogate pair" if _half_surrogate(key) else "a key is empty; put quotes around it"
                )
                self._findings.append(Finding(top.path, words, place=place))
            top.key, top.skip = "", True
        elif key in top.value:
            first = self._keys[path].line
            self._findings.append(Finding(path, f"is there twice, first in line {first}", place=place))
            top.key, top.skip = key, True
        else:
            self._keys[path] = place
            top.key, top.skip = key, False

    def _put(self, value: Any, event: Event) -> None:  # noqa: ANN401  # any plain data
        path = self._path()
        if not self._stack:
            self._data = value
        else:
            top = self._stack[-1]
            if isinstance(top.value, list):
                top.value.append(value)
            else:
                assert top.key is not None
                if top.skip:
                    path = (*top.path, top.key, "")
                else:
                    top.value[top.key] = value
                top.key, top.skip = None, False
        self._values.setdefault(path, _place(event.start_mark))

    def _resolve(self, scalar: ScalarEvent) -> object:
        text = scalar.value
        if _half_surrogate(text):
            self._refuse(scalar, "holds half a surrogate pair, which is no character")
            return ""
        if not scalar.implicit[0]:
            return text
        if _NULL.fullmatch(text):
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        return self._number(scalar, text)

    def _number(self, scalar: ScalarEvent, text: str) -> object:
        if _NOT_FINITE.fullmatch(text):
            return float(text.replace(".", "").lower())
        if not _FLOAT.fullmatch(text):
            return text
        if len(text) > _MOST_DIGITS:
            self._refuse(scalar, f"a number of more than {_MOST_DIGITS} digits; put quotes around it to make it a text")
            return 0
        if _INTEGER.fullmatch(text):
            return int(text)
        exact = Decimal(text)
        if not exact.is_zero() and abs(exact.adjusted()) > _LARGEST_EXPONENT:
            self._refuse(scalar, "a number with so large an exponent; put quotes around it to make it a text")
            return 0
        near = float(text)
        return near if Decimal(repr(near)) == exact else exact


def _half_surrogate(text: str) -> bool:
    return any("\ud800" <= one <= "\udfff" for one in text)

"""The exact, typed text of a cursor or key value, for state files and hashes.

The rule: `decode(encode(value)) == value` with the same type, to the last digit and microsecond (D22).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from typing import Any
from uuid import UUID

from etl.page import Key, Position, Scalar, findable
from etl.secret import HIDDEN

# The names are stored in the state, so they never change; the order does not matter because types are matched exactly.
_WRITERS: dict[type, tuple[str, Callable[[Any], str]]] = {
    int: ("int", str),
    str: ("str", str),
    Decimal: ("decimal", str),
    datetime: ("datetime", lambda value: value.isoformat()),
    date: ("date", lambda value: value.isoformat()),
    UUID: ("uuid", str),
    bytes: ("bytes", lambda value: value.hex()),
    bool: ("bool", str),  # drivers of BIT columns
    float: ("float", repr),  # SQLite keeps what it was given, also in a key; repr is exact
}
_READERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "str": str,
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "uuid": UUID,
    "bytes": bytes.fromhex,
    "bool": {"False": False, "True": True}.__getitem__,
    "float": float,
}

# Also where its slashes or its scheme were forgotten.
_URL_OF_A_USER = re.compile(r":[^@]*@")


def encode(value: Scalar) -> list[str]:
    """`["datetime", "2024-01-02T03:04:05.000006"]`, for JSON. Raises TypeError for a type that is not a Scalar."""
    name, write = _writer(value)
    return [name, write(value)]


def decode(encoded: object) -> Scalar:
    """The value of `encode`'s answer. Raises ValueError for anything else."""
    match encoded:
        case [str(name), str(text)] if name in _READERS:
            try:
                value: Scalar = _READERS[name](text)
            except (ArithmeticError, LookupError) as error:  # the ValueErrors of Decimal and of a table
                raise ValueError(f"not a {name}") from error
            return value
        case _:
            raise ValueError("not an exact value")


def key_text(key: Key) -> str:
    """The canonical compact JSON text of a key, in ASCII; equal for equal keys of the same types only.

    A hot path: once for every row.
    """
    if len(key) == 1:
        return f"[{_text(key[0])}]"
    return f"[{','.join(map(_text, key))}]"


def parse_key_text(text: str) -> Key:
    """The key of `key_text`'s answer. Raises ValueError for anything else."""
    parts = json.loads(text)
    if not isinstance(parts, list):
        raise ValueError("not the text of a key")  # noqa: TRY004 - the text is wrong, not the caller's type
    return findable(decode(part) for part in parts)


def position_text(position: Position) -> str:
    """The canonical JSON text of a position."""
    cursor = "null" if position.cursor is None else _text(position.cursor)
    return f'{{"cursor":{cursor},"key":{key_text(position.key)}}}'


def parse_position_text(text: str) -> Position:
    """The position of `position_text`'s answer. Raises ValueError for anything else."""
    match json.loads(text):
        case {"cursor": cursor, "key": [*parts]}:
            return Position(None if cursor is None else decode(cursor), findable(decode(part) for part in parts))
        case _:
            raise ValueError("not the text of a position")


def show(value: Scalar | None) -> str:
    """The value for people: without its type, and with nothing that could control a terminal (F15). None is `-`."""
    if value is None:
        return "-"
    if type(value) is bytes:
        return f"0x{value.hex()}"
    return printable(_writer(value)[1](value))


def typed(value: Scalar) -> str:
    """The value as `--key` takes it, whatever characters it holds."""
    return f"0x{value.hex()}" if type(value) is bytes else _writer(value)[1](value)


def show_key(key: Key) -> str:
    """A key for people: its values, joined by commas; what `is_misplaced` is not shown."""
    return ",".join(HIDDEN if is_misplaced(part) else show(part) for part in key)


def is_misplaced(value: Scalar) -> bool:
    """Whether it is a URL with a user in it: most likely that of a database, given where a key belongs."""
    return type(value) is str and _URL_OF_A_USER.search(value) is not None


def printable(text: str) -> str:
    """`text` as one harmless line: control, bidirectional and unpaired characters are written as escapes."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(char if _harmless(char) else char.encode("unicode_escape").decode("ascii") for char in text)


def _harmless(char: str) -> bool:
    return char == " " or unicodedata.category(char)[0] not in "CZ"


def _text(value: Scalar) -> str:
    if type(value) is int:
        return f'["int","{value}"]'
    name, write = _writer(value)
    return f'["{name}",{encode_basestring_ascii(write(value))}]'


def _writer(value: Scalar) -> tuple[str, Callable[[Scalar], str]]:
    try:
        return _WRITERS[type(value)]
    except KeyError:
        raise TypeError(f"a cursor or key value of type {type(value).__name__} is not supported") from None

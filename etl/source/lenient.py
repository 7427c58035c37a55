"""Lets a driver give `UNDECODABLE` for a value that it cannot decode, so that the rest of the row arrives.

Infinite dates, years beyond 9999 and texts that are not UTF-8 are such values. By default the drivers raise, and the
whole statement fails. This way is slower for each value, so it is used only after a statement has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa

from etl.page import UNDECODABLE

# PostgreSQL's types (by oid) with values that Python's types cannot hold: dates and times, then texts. 0: any other
# type.
_DATES = (1082, 1083, 1114, 1184, 1266)
_TEXTS = (0, 18, 19, 25, 114, 1042, 1043, 3802)

# Drivers that always give `UNDECODABLE` instead of raising.
NEVER_RAISING = frozenset({"pg8000"})


def refuse_other_dates(engine: sa.Engine) -> None:
    """Stop psycopg2 and pg8000 from giving a wrong date or time where Python cannot hold the right one.

    By themselves they turn infinity into 9999-12-31, a year BC into one AD, and 24:00 into 00:00. Now psycopg2 raises.
    pg8000 always gives `UNDECODABLE`: a decoder that raises would leave the rest of the answer in its connection.
    """

    def connected(raw: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's
        if engine.dialect.driver == "psycopg2":
            raw.string_types.update(_psycopg2_types(raw, _DATES, _exact))
        else:
            raw.pg_types.update({code: _guarded(_exact(raw.pg_types[code])) for code in _DATES})

    if engine.dialect.driver in {"psycopg2", "pg8000"}:
        sa.event.listen(engine, "connect", connected)


@contextmanager
def undecodable_allowed(connection: sa.Connection) -> Iterator[None]:
    """Within it, statements of `connection` give `UNDECODABLE` instead of raising, as far as the driver allows."""
    raw: Any = connection.connection.dbapi_connection
    dbapi: Any = connection.dialect.loaded_dbapi
    match connection.dialect.driver:
        case "pysqlite":
            changed: AbstractContextManager[None] = _pysqlite(raw)
        case "psycopg":
            changed = _psycopg(raw, dbapi.DataError)
        case "psycopg2":
            guarded = _psycopg2_types(raw, (*_DATES, *_TEXTS), lambda decode: _guarded(decode, dbapi.DataError))
            changed = _put(raw.string_types, guarded)
        case _:
            changed = nullcontext()
    with changed:
        yield


@contextmanager
def _pysqlite(raw: Any) -> Iterator[None]:  # noqa: ANN401  # the driver's
    before = raw.text_factory
    raw.text_factory = _guarded(bytes.decode)
    try:
        yield
    finally:
        raw.text_factory = before


@contextmanager
def _psycopg(raw: Any, error: type[Exception]) -> Iterator[None]:  # noqa: ANN401  # the driver's
    from psycopg import pq  # noqa: PLC0415  # the driver is an extra

    before = {code: raw.adapters.get_loader(code, pq.Format.TEXT) for code in (*_DATES, *_TEXTS)}
    for code, loader in before.items():
        raw.adapters.register_loader(code, _loader(loader, error))
    try:
        yield
    finally:
        for code, loader in before.items():
            raw.adapters.register_loader(code, loader)


def _loader(own: Any, error: type[Exception]) -> Any:  # noqa: ANN401  # classes of the driver's
    class Guarded:
        format = own.format

        def __init__(self, oid: int, context: Any = None) -> None:  # noqa: ANN401
            self.load = _guarded(own(oid, context).load, error)

    return Guarded


def _psycopg2_types(raw: Any, codes: Iterable[int], change: Callable[[Any], Any]) -> dict[int, Any]:  # noqa: ANN401
    from psycopg2 import extensions  # type: ignore[import-untyped]  # noqa: PLC0415  # the driver is an extra

    own = {**extensions.string_types, **raw.string_types}
    return {code: extensions.new_type((code,), "CHANGED", change(own[code])) for code in codes if code in own}


def _exact(decode: Callable[..., Any]) -> Callable[..., Any]:
    def exact(text: str | None, *rest: Any) -> Any:  # noqa: ANN401
        if text is not None:
            five_digits = text[:5].isdigit()
            if five_digits or text.startswith("24:") or text.endswith(("infinity", "BC")):
                raise ValueError("a date or time that Python's cannot be")
        return decode(text, *rest)

    return exact


@contextmanager
def _put(decoders: MutableMapping[int, Any], others: dict[int, Any]) -> Iterator[None]:
    before = dict(decoders)
    decoders.update(others)
    try:
        yield
    finally:
        decoders.clear()
        decoders.update(before)


def _guarded(decode: Callable[..., Any], *errors: type[Exception]) -> Callable[..., Any]:
    # Decoders raise built-in errors as well.
    caught: tuple[type[Exception], ...] = (ValueError, OverflowError, *errors)

    def guarded(*arguments: Any) -> Any:  # noqa: ANN401
        try:
            return decode(*arguments)
        except caught:
            return UNDECODABLE

    return guarded

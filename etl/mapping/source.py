"""The `source` section: which rows to read, in which order, and how much of the newest and the older to take.

`settle` and `lookback` are a timedelta, or an int in units of an integer cursor; None means the default of the source.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from etl.mapping import quantities
from etl.mapping import values as leaves
from etl.mapping.field_rule import COLUMN, NAMES, Section
from etl.mapping.nearest import did_you_mean
from etl.mapping.sql_text import parse_condition, parse_select
from etl.mapping.values import choice, integer, leaf, optional
from etl.secret import Secret

CONDITION = leaf(parse_condition, {"type": "string", "minLength": 1})

_SPAN = leaf(
    leaves.parse_span,
    {"type": "string", "pattern": quantities.DURATION_PATTERN},
    {"type": "integer", "minimum": 0},
    leaves.VARIABLE,
)


def _parse_source_url(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    url = leaves.parse_text(value)
    if url.startswith("${"):
        return Secret(url)
    if not re.match(r"[A-Za-z][A-Za-z0-9_]*(\+[A-Za-z0-9_]+)?://", url, re.ASCII) or not url.isprintable():
        raise ValueError(
            "expected a database URL, such as postgresql+psycopg://host/database or sqlite:////path/to/file"
        )
    return Secret(url)


def _parse_timezone(value: object) -> str:
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415  # reads the file system; only when a mapping names one

    name = leaves.parse_text(value)
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        tail = did_you_mean(name, available_timezones()) or "; expected one such as UTC or Europe/Amsterdam"
        raise ValueError(f'"{name}" is not a time zone{tail}') from None
    return name


def _parse_session_timezone(value: object) -> str:
    return "server" if value == "server" else _parse_timezone(value)


class Source(Section):
    """The rows to read: one table or one query, its key and its cursor."""

    url: Annotated[Secret, leaf(_parse_source_url, {"type": "string", "minLength": 1})] = Field(
        description="The database as a SQLAlchemy URL; better ${SHOP_DATABASE_URL} than the password itself."
    )
    table: Annotated[str | None, optional(COLUMN)] = Field(
        default=None, description="The table or view, or schema.table. Either this or query."
    )
    query: Annotated[str | None, optional(leaf(parse_select, {"type": "string", "minLength": 1}))] = Field(
        default=None, description="One SELECT instead of a table; its result has the key's and the cursor's columns."
    )
    primary_key: Annotated[tuple[str, ...], NAMES] = Field(
        description="The column, or the list of columns, whose values are unique and never NULL."
    )
    cursor_field: Annotated[tuple[str, ...], NAMES] = Field(
        default=(),
        description="The column that grows with every insert and update, or a list of them, of which the latest that "
        "is not NULL counts. Without it every run reads all rows, and the ledger sends what changed.",
    )
    cursor_unit: Annotated[
        Literal["time", "epoch_seconds", "epoch_milliseconds"] | None,
        optional(choice("time", "epoch_seconds", "epoch_milliseconds")),
    ] = Field(
        default=None,
        description="What an integer cursor counts: seconds or milliseconds since 1970; time: its digits are a date, "
        "such as 20240131. settle, lookback, --from and --to then speak of times, and a run ends at the database's "
        "clock.",
    )
    where: Annotated[str | None, optional(CONDITION)] = Field(
        default=None, description="A SQL condition on the rows, without the word WHERE."
    )
    timezone: Annotated[str | None, optional(leaf(_parse_timezone, {"type": "string", "minLength": 1}))] = Field(
        default=None,
        description="The zone of datetime columns that have none, such as UTC or Europe/Amsterdam.",
    )
    settle: Annotated[timedelta | int | None, optional(_SPAN)] = Field(
        default=None,
        description="Rows younger than this, by the database's clock, are held for the next run. Default 60s, on "
        "SQLite 0s. For an integer cursor: in units of the cursor.",
    )
    lookback: Annotated[timedelta | int | None, optional(_SPAN)] = Field(
        default=None,
        description="Rows this much below the checkpoint are read again, to catch late commits; the ledger keeps them "
        "from being sent again. Default 1h. For an integer cursor: in units of the cursor.",
    )
    on_null_cursor: Annotated[Literal["fail", "skip"], choice("fail", "skip")] = Field(
        default="fail", description="What to do when rows have no cursor: fail before reading, or skip and count them."
    )
    statement_timeout: Annotated[timedelta, leaves.duration("1s", "1d")] = Field(
        default=timedelta(minutes=5),
        description="When the database ends a statement that takes too long, on PostgreSQL, MySQL and MariaDB.",
    )
    session_timezone: Annotated[
        str | None, optional(leaf(_parse_session_timezone, {"type": "string", "minLength": 1}))
    ] = Field(
        default=None,
        description="The zone in which the database converts between instants and local times, as in ordered_at::date, "
        "DATE() and NOW() of a view, a query or where: a zone, or server for the database's own. Default UTC.",
    )
    page_size: Annotated[int, integer(1, 100_000)] = Field(default=5000, description="Rows read at once.")

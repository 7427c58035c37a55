"""A database's column types reduced to the words of `etl.page.Column.kind`.

What the database declares decides; where it declares nothing (a query on SQLite) the kind is None.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

_KINDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    # Subclasses before their parents.
    (sa.Boolean, "boolean"),
    (sa.Float, "number"),
    (sa.Integer, "integer"),
    (sa.Numeric, "decimal"),
    (sa.Date, "date"),
    (sa.Time, "time"),
    (sa.JSON, "json"),
    (sa.Uuid, "uuid"),
    (sa.types._Binary, "bytes"),  # noqa: SLF001  # the only parent that BLOB, BYTEA and VARBINARY share
    (sa.String, "text"),
)

_POSTGRESQL_OIDS = {
    16: "boolean",
    **dict.fromkeys((20, 21, 23, 26), "integer"),
    **dict.fromkeys((700, 701), "number"),
    1700: "decimal",
    **dict.fromkeys((18, 19, 25, 1042, 1043), "text"),
    1082: "date",
    1114: "datetime",
    1184: "datetime_tz",
    **dict.fromkeys((1083, 1266), "time"),
    **dict.fromkeys((114, 3802), "json"),
    17: "bytes",
    2950: "uuid",
}

_MYSQL_FIELD_TYPES = {
    **dict.fromkeys((1, 2, 3, 8, 9, 13), "integer"),
    **dict.fromkeys((4, 5), "number"),
    **dict.fromkeys((0, 246), "decimal"),
    7: "datetime_tz",
    **dict.fromkeys((10, 14), "date"),
    11: "time",
    12: "datetime",
    245: "json",
    **dict.fromkeys((15, 247, 248, 253, 254), "text"),
}


def kind_of_type(column_type: TypeEngine[Any], *, dialect: str) -> str | None:
    """The word for a reflected type; None for SQLite columns declared without one."""
    name = type(column_type).__name__.upper()
    if dialect in {"mysql", "mariadb"} and (word := _mysql_kind(name, column_type)) is not None:
        return word
    if isinstance(column_type, sa.types.NullType):
        return None if dialect == "sqlite" else "other"
    if isinstance(column_type, sa.DateTime):
        return "datetime_tz" if column_type.timezone or name == "DATETIMEOFFSET" else "datetime"
    if isinstance(column_type, sa.Numeric) and dialect == "oracle" and column_type.scale == 0:
        return "integer"
    return next((word for parent, word in _KINDS if isinstance(column_type, parent)), "other")


def _mysql_kind(name: str, column_type: object) -> str | None:
    match name:
        case "TIMESTAMP":  # an instant; a DATETIME is not
            return "datetime_tz"
        case "TINYINT" if getattr(column_type, "display_width", None) == 1:
            return "boolean"
        case "BIT":
            return "boolean" if getattr(column_type, "length", None) == 1 else "bytes"
        case _:
            return None


def kind_of_code(code: object, *, dialect: str) -> str | None:
    """The word for the driver's type code in a result's description; None when it tells nothing."""
    if not isinstance(code, int):
        return None
    match dialect:
        case "postgresql":
            return _POSTGRESQL_OIDS.get(code, "other")
        case "mysql" | "mariadb":
            return _MYSQL_FIELD_TYPES.get(code)  # BLOB codes stand for TEXT as well
        case _:
            return None

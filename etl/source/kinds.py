"""Translates a database's column types into the words of `etl.page.Column.kind`, and tells what reading them needs.

What the database declares decides; where it declares nothing (a query on SQLite) the kind is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
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
    (sa.ARRAY, "list"),
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
# ENUM types of PostgreSQL compare in the order they sort in, unlike those of MySQL, so they count as texts.
POSTGRESQL_ENUM = "enum type"
_MYSQL_BIT = 16
_MYSQL_ZEROFILL_FLAG, _MYSQL_ENUM_FLAG, _MYSQL_SET_FLAG = 64, 256, 2048
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
_DUCKDB_TYPES = {
    "BOOLEAN": "boolean",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "number"),
    "DECIMAL": "decimal",
    **dict.fromkeys(("VARCHAR", "ENUM"), "text"),
    "DATE": "date",
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "datetime"),
    "TIMESTAMP WITH TIME ZONE": "datetime_tz",
    **dict.fromkeys(("TIME", "TIME WITH TIME ZONE", "TIME_NS"), "time"),
    "BLOB": "bytes",
    "UUID": "uuid",
    **dict.fromkeys(("JSON", "STRUCT", "MAP"), "json"),
}
_MYSQL = frozenset({"mysql", "mariadb"})
_MYSQL_FLOAT = 4


def duckdb_name(code: object) -> str:
    """DuckDB's name of a type in a result's description, without its parameters; `LIST` for every list."""
    name = str(code)
    return "LIST" if name.endswith("]") else name.partition("(")[0]


def kind_of_type(column_type: TypeEngine[Any], *, dialect: str) -> str | None:
    """The word for a reflected type; None for SQLite columns declared without one. A DOMAIN is its base type."""
    column_type = base_type(column_type)
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


def declared_name(column_type: TypeEngine[Any]) -> str | None:
    """The database's word for a reflected type, such as `INTERVAL`; None for a type that SQLAlchemy does not know.

    A DOMAIN is its base type.
    """
    column_type = base_type(column_type)
    if isinstance(column_type, postgresql.ENUM):
        return POSTGRESQL_ENUM
    return None if isinstance(column_type, sa.types.NullType) else type(column_type).__name__.upper()


def base_type(column_type: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type that a PostgreSQL DOMAIN, or a DOMAIN of DOMAINs, is based on; any other type itself."""
    while isinstance(column_type, postgresql.DOMAIN):
        column_type = column_type.data_type
    return column_type


def fraction_digits(column_type: TypeEngine[Any]) -> int | None:
    """How many decimals of a second a reflected time type keeps; None where it does not say, or is no time type."""
    column_type = base_type(column_type)
    # MySQL: fsp, 0 when it is not declared; PostgreSQL: precision, 6 when it is not declared.
    for attribute in ("fsp", "precision"):
        if isinstance(column_type, sa.DateTime) and hasattr(column_type, attribute):
            digits = getattr(column_type, attribute)
            return digits if digits is not None else (0 if attribute == "fsp" else 6)
    return None


def zero_fill(column_type: object) -> int | None:
    """To how many characters a reflected type fills its numbers up with zeros (MySQL's ZEROFILL); None without that."""
    if not getattr(column_type, "zerofill", False):
        return None
    if isinstance(column_type, sa.DECIMAL):
        return (column_type.precision or 0) + bool(column_type.scale)  # the point is shown too
    return getattr(column_type, "display_width", None)


def is_zero_filled(flags: int) -> bool:
    """Whether the flags of MySQL's protocol tell of ZEROFILL."""
    return bool(flags & _MYSQL_ZEROFILL_FLAG)


def declared_by_flags(code: object, flags: int) -> str | None:
    """The name (BIT, ENUM or SET) of a type that MySQL's protocol sends as another one; None for all others."""
    if code == _MYSQL_BIT:
        return "BIT"
    return "ENUM" if flags & _MYSQL_ENUM_FLAG else "SET" if flags & _MYSQL_SET_FLAG else None


def is_boolean(code: object, length: int | None, *, dialect: str) -> bool:
    """Whether a result's column of MySQL's protocol, `length` characters wide, is a TINYINT(1), its BOOLEAN."""
    return dialect in {"mysql", "mariadb"} and code == 1 and length == 1


def _mysql_kind(name: str, column_type: object) -> str | None:
    match name:
        case "TIMESTAMP":  # an instant; a DATETIME is not
            return "datetime_tz"
        case "TINYINT" if getattr(column_type, "display_width", None) == 1:
            return "boolean"
        case "YEAR":
            return "integer"
        case "BIT":
            return "boolean" if getattr(column_type, "length", None) == 1 else "bytes"
        case _:
            return None


def kind_of_code(code: object, *, dialect: str) -> str | None:
    """The word for the driver's type code in a result's description; None when the code does not decide it."""
    if dialect == "duckdb":
        return _DUCKDB_TYPES.get(duckdb_name(code), "other")
    if not isinstance(code, int):
        return None
    match dialect:
        case "postgresql":
            return _POSTGRESQL_OIDS.get(code, "other")
        case "mysql" | "mariadb":
            return _MYSQL_FIELD_TYPES.get(code)  # BLOB codes stand for TEXT as well
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Ordinal:
    """An ENUM or SET of MySQL: its labels in their declared order; `is_set`: a value holds several, joined by commas.

    Such a column sorts by its number but compares with a text as text, so a page that begins "after" a text would leave
    rows out. It is therefore compared by number.
    """

    labels: tuple[str, ...]
    is_set: bool

    def number(self, value: object) -> int:
        """The number that a value of the column sorts by; 0 for the empty text.

        Raises:
            ValueError: `value` is none of the column.
        """
        if not isinstance(value, str):
            raise ValueError("not a text")  # noqa: TRY004  # to the caller it is one mistake
        if not value and (self.is_set or "" not in self.labels):
            return 0
        if not self.is_set:
            return self.labels.index(value) + 1
        return sum(1 << self.labels.index(label) for label in value.split(","))


def ordinal_of(column_type: object, *, dialect: str) -> Ordinal | None:
    """The labels of a reflected type that sorts by number; None for any other."""
    if dialect not in {"mysql", "mariadb"}:
        return None
    name = type(column_type).__name__.upper()
    if name == "ENUM":
        labels: Sequence[str] = column_type.enums  # type: ignore[attr-defined]
        return Ordinal(tuple(labels), is_set=False)
    if name == "SET":
        return Ordinal(tuple(column_type.values), is_set=True)  # type: ignore[attr-defined]
    return None


class Widened(sa.types.UserDefinedType[Any]):
    """A FLOAT of four bytes: selected values are widened to eight bytes by the database; conditions are not changed.

    MySQL's text protocol shows only six digits: 123456.78 would arrive as 123457. Widened, every digit arrives, and the
    transform uses the fewest digits that mean the same float (`etl.page.Column.is_single`).
    """

    cache_ok = True

    def column_expression(self, colexpr: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """What is selected."""
        return sa.type_coerce(colexpr, sa.Double) + sa.literal_column("0e0")


def singles_of(shape: Iterable[tuple[str, object]], *, dialect: str) -> frozenset[str]:
    """The columns of a result, given as (name, type code), that hold floats of four bytes."""
    if dialect == "duckdb":
        return frozenset(name for name, code in shape if duckdb_name(code) == "FLOAT")
    return frozenset(name for name, code in shape if code == _MYSQL_FLOAT) if dialect in _MYSQL else frozenset()


def declared_singles(columns: Iterable[Mapping[str, Any]], *, dialect: str) -> frozenset[str]:
    """As `singles_of`, of a table's reflected columns; DuckDB's are asked of a result."""
    if dialect not in _MYSQL:
        return frozenset()
    return frozenset(one["name"] for one in columns if declared_name(one["type"]) == "FLOAT")

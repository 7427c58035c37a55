"""Finds mistakes in a database's URL that show without a connection.

The rule: messages show nothing of the URL but names of options and of the dialect. What only a server can refuse is
left to the connection.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc

from etl.errors import UsageProblem
from etl.mapping.nearest import nearest
from etl.source import drivers
from etl.source.connect import FILES, parse_database_url

# Options that the drivers of PostgreSQL take in addition to those of libpq.
_BESIDE_LIBPQ = frozenset(
    {"autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory", "connection_factory"}
)
_NAMES = (*drivers.TESTED, "sqlite", "mssql", "oracle")


def check_address(url: str) -> None:
    """Raise `UsageProblem` where `url` cannot be right. A driver may be missing here."""
    parsed = parse_database_url(url, what="source.url")
    if parsed.get_backend_name() in FILES:
        return
    full = drivers.with_driver(parsed)
    drivers.refuse_repeated(full)
    try:
        engine = sa.create_engine(drivers.without_renamed(full))
        drivers.refuse_waiting(engine)
        _check_options(engine)
    except UsageProblem:
        raise
    except ImportError:
        return
    except sqlalchemy.exc.NoSuchModuleError as error:
        if nearest(parsed.get_backend_name(), _NAMES) is not None:
            raise drivers.driver_missing(parsed, error) from None
    except Exception as error:  # noqa: BLE001 - SQLAlchemy and each driver have errors of their own for it
        if full.query:
            raise drivers.wrong_option(full, error) from None
        raise UsageProblem("source.url cannot be read") from None


def _check_options(engine: sa.Engine) -> None:
    """Raise the driver's own error for an option that it does not take."""
    _, given = engine.dialect.create_connect_args(engine.url)
    match engine.dialect.driver:
        case "psycopg":
            import_module("psycopg.conninfo").make_conninfo(**_of_libpq(given))
        case "psycopg2":
            import_module("psycopg2.extensions").make_dsn(**_of_libpq(given))
        case "pymysql":
            _bind(import_module("pymysql.connections").Connection, given)
        case "pg8000":
            _bind(import_module("pg8000").connect, given)
        case _:
            pass


def _of_libpq(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in _BESIDE_LIBPQ}


def _bind(function: Any, given: Mapping[str, Any]) -> None:  # noqa: ANN401 - a driver's function
    inspect.signature(function).bind_partial(**given)

"""The drivers that read PostgreSQL and MariaDB, each of which the tests must have in CI."""

from __future__ import annotations

from importlib.util import find_spec

from tests.servers.databases import unavailable

MODULES = {
    "postgresql+psycopg": "psycopg",
    "postgresql+psycopg2": "psycopg2",
    "postgresql+pg8000": "pg8000",
    "mysql+pymysql": "pymysql",
    "mysql+mysqldb": "MySQLdb",
    "mariadb+mariadbconnector": "mariadb",
}
SCHEMES = tuple(MODULES)


def require_driver(scheme: str) -> None:
    """Skip, or in CI fail, a test whose driver is not installed."""
    if find_spec(MODULES[scheme]) is None:
        unavailable(scheme, f"the Python package {MODULES[scheme]} is not installed (see .ci/run)")

"""Which drivers are supported, their connection arguments, and what to install when one cannot be loaded.

No argument may leave a setting behind in the session, because a pooler may hand the session to another program.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc

from etl.errors import UsageProblem
from etl.install import pip_install
from etl.mapping.nearest import did_you_mean, nearest
from etl.source.database import Amend
from etl.source.plan import ReadLimits
from etl.unreachable import quoted, repeated_option

APPLICATION = "squeezely-etl"

# PostgreSQL's types by number: char(n) and its arrays; json and jsonb.
_PADDED, _JSON = frozenset({1042, 1014}), frozenset({114, 3802})
# The drivers by backend that the tests cover, the usual one first; each with its module.
_MYSQL = MappingProxyType({"pymysql": "pymysql", "mysqldb": "MySQLdb", "mariadbconnector": "mariadb"})
TESTED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "postgresql": MappingProxyType({"psycopg": "psycopg", "psycopg2": "psycopg2", "pg8000": "pg8000"}),
        "mysql": _MYSQL,
        "mariadb": _MYSQL,
        "duckdb": MappingProxyType({"duckdb": "duckdb"}),
    }
)
# For databases that the tests do not cover: the drivers in use today instead of SQLAlchemy's old defaults.
_USUAL = {"oracle": "oracledb", "mssql": "pyodbc"}
_PACKAGES = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "mysqldb": "mysqlclient",
    "mariadbconnector": "mariadb",
    "duckdb": "duckdb-sqlalchemy",
    "cx_oracle": "cx_Oracle",
}
# System libraries that Python's packages do not contain, and the Debian packages that do.
_LIBRARIES = {
    "libodbc": "unixodbc",
    "libmariadb": "libmariadb3",
    "libmysqlclient": "libmariadb3 (or MySQL's own client library)",
    "libpq": "libpq5",
    "libclntsh": "Oracle's Instant Client",
}


def with_driver(url: sa.URL) -> sa.URL:
    """`url` with its driver; if it names none, with the first one installed.

    Raises:
        UsageProblem: the URL names a driver that is not supported; a supported one is suggested.
    """
    backend, _, driver = url.drivername.partition("+")
    backend = "postgresql" if backend == "postgres" else backend
    tested = TESTED.get(backend)
    if tested is None:
        return url if driver or backend not in _USUAL else url.set(drivername=f"{backend}+{_USUAL[backend]}")
    if not driver:
        installed = [name for name, module in tested.items() if find_spec(module) is not None]
        driver = [*installed, *tested][0]
    if driver not in tested:
        raise UsageProblem(
            f"source.url names the driver {driver}, which does not read here; {_listed(list(tested))} do",
            hint=_with_one_that_reads(backend, driver),
        )
    return url.set(drivername=backend if backend == driver else f"{backend}+{driver}")


def refuse_waiting(engine: sa.Engine) -> None:
    """Raise `UsageProblem` for a driver of asyncio, which SQLAlchemy cannot call from here."""
    if engine.dialect.is_async:
        raise UsageProblem(
            f"source.url names the driver {engine.dialect.driver}, which is for asyncio and does not read here",
            hint="name another driver of this database in the URL, as in oracle+oracledb:// or mssql+pyodbc://",
        )


def driver_missing(url: sa.URL, error: ImportError | sqlalchemy.exc.NoSuchModuleError) -> UsageProblem:
    """What to install, for a driver or dialect that could not be loaded."""
    backend, _, driver = url.drivername.partition("+")
    driver = driver or backend
    package = _PACKAGES.get(driver, driver)
    library = re.match(r"(lib\w+)[\w.+-]*\.so[\d.]*", str(error))
    if library is not None:
        system = next((name for start, name in _LIBRARIES.items() if library[1].startswith(start)), None)
        return UsageProblem(
            f"the driver {driver} is installed, but the system's library {library[0]} that it needs is not",
            hint=f"apt-get install {system}" if system and system.islower() else f"install {system or library[0]}",
        )
    if "no pq wrapper available" in str(error):
        return UsageProblem(
            "the driver psycopg is installed, but the system's library libpq that it needs is not",
            hint=f"{pip_install('psycopg[binary]')}, or apt-get install libpq5",
        )
    if isinstance(error, sqlalchemy.exc.NoSuchModuleError) and backend not in TESTED:
        meant = nearest(backend, [*TESTED, *_USUAL, "sqlite"])
        return UsageProblem(
            f"no dialect for {url.drivername} databases is installed"
            f"{did_you_mean(backend, [*TESTED, *_USUAL, 'sqlite'])}",
            hint=f"write {meant}://…"
            if meant
            else "correct the URL, or install a SQLAlchemy dialect and a driver for it",
        )
    system = "; it also needs apt-get install unixodbc, and Microsoft's ODBC driver" if driver == "pyodbc" else ""
    if backend in TESTED and driver in TESTED[backend]:
        hint = _with_one_that_reads(backend, driver)
    else:
        hint = f"{pip_install(package)}{system}"
    return UsageProblem(f"no driver for {url.drivername} databases is installed", hint=hint)


def _with_one_that_reads(backend: str, driver: str) -> str:
    """The hint for an unsupported `driver`: name one that is installed, or install the usual one."""
    tested = TESTED[backend]
    installed = [name for name, module in tested.items() if name != driver and find_spec(module) is not None]
    if installed:
        return f"write {backend}+{installed[0]}://…, whose driver is installed"
    usual = next(iter(tested))
    named = "" if driver == usual else f"write {backend}+{usual}://…, and "
    return f"{named}{pip_install(_PACKAGES.get(usual, usual))}"


def arguments(url: sa.URL, limits: ReadLimits, instants: tzinfo) -> dict[str, Any]:
    """The connection arguments for the driver of `url`; options of the URL win.

    `instants` is the zone in which MySQL and MariaDB send a TIMESTAMP.
    """
    _, _, driver = url.drivername.partition("+")
    silence_seconds = _silence_seconds(limits)
    charset = url.query.get("charset", "utf8mb4")
    match driver:
        case "psycopg" | "psycopg2":
            found: dict[str, Any] = {
                "application_name": APPLICATION,
                "client_encoding": url.query.get("charset", "utf8"),
                "connect_timeout": limits.connect_seconds,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
            }
            if driver == "psycopg":
                # No prepared statements: the generic plan of a keyset query is bad, and poolers lose track of them.
                found["prepare_threshold"] = None
        case "pg8000":
            found = {
                "application_name": APPLICATION,
                "startup_params": {
                    # UTF-8, as the other drivers of PostgreSQL; in a URL the option may also be called `charset`.
                    "client_encoding": url.query.get("client_encoding", url.query.get("charset", "utf8"))
                },
                # For connecting only; `wait_for_rows` changes it afterwards.
                "timeout": limits.connect_seconds,
            }
        case "pymysql" | "mysqldb":
            # autocommit=None: otherwise the drivers switch it off for the session. PyMySQL: see `wait_for_rows`.
            timeouts = {
                "connect_timeout": limits.connect_seconds,
                "read_timeout": limits.connect_seconds if driver == "pymysql" else silence_seconds,
            }
            found = {**timeouts, "charset": charset, "autocommit": None, "conv": _conversions(driver, instants)}
            if driver == "pymysql":
                found["program_name"] = APPLICATION
                if url.password:
                    # As UTF-8, like the other drivers and the server's own client: PyMySQL would encode a text as
                    # Latin-1.
                    found["password"] = str(url.password).encode()
        case "mariadbconnector":
            found = {
                "connect_timeout": limits.connect_seconds,
                "read_timeout": silence_seconds,
                "autocommit": True,
            }
        case _:
            found = {}
    return {name: value for name, value in found.items() if name not in url.query}


def wait_for_rows(engine: sa.Engine, url: sa.URL, limits: ReadLimits) -> None:
    """Give drivers that have a single time-out a longer one once they are connected.

    Otherwise PyMySQL and pg8000 would wait for a silent server's greeting as long as for the slowest statement.
    """
    driver = engine.dialect.driver
    if driver not in {"pymysql", "pg8000"} or {"read_timeout", "timeout"} & url.query.keys():
        return

    def connected(connection: Any, _record: Any) -> None:  # noqa: ANN401  # the driver's connection has no common type
        # Neither has a public way to change it.
        if driver == "pymysql":
            connection._read_timeout = _silence_seconds(limits)  # noqa: SLF001
        else:
            connection._usock.settimeout(_silence_seconds(limits))  # noqa: SLF001

    sa.event.listen(engine, "connect", connected)


def _silence_seconds(limits: ReadLimits) -> int:
    """A little longer than the server's own limit, so that a dead network path ends too."""
    return limits.statement_seconds + min(30, limits.statement_seconds)


def exact_json(url: sa.URL) -> dict[str, Any]:
    """The arguments of SQLAlchemy that keep every digit of a number in JSON (PostgreSQL)."""
    return {"json_deserializer": _exact_json} if url.get_backend_name() == "postgresql" else {}


def _exact_json(text: str | bytes) -> Any:  # noqa: ANN401  # any JSON value
    return json.loads(text, parse_float=Decimal)


# Options that people copy from another driver's URL, and the drivers that know them by another name.
_RENAMED = {
    "psycopg": frozenset({"charset"}),
    "psycopg2": frozenset({"charset"}),
    "pg8000": frozenset({"charset", "client_encoding"}),
    "mariadbconnector": frozenset({"charset"}),
}


def without_renamed(url: sa.URL) -> sa.URL:
    """`url` without options that `arguments` passes under another name, or that mean nothing to its driver.

    Raises:
        UsageProblem: the URL asks MariaDB's connector for a charset other than UTF-8.
    """
    driver = url.drivername.partition("+")[2]
    renamed = sorted(_RENAMED.get(driver, frozenset()) & url.query.keys())
    if driver == "mariadbconnector" and renamed and not str(url.query["charset"]).startswith("utf8"):
        raise UsageProblem(
            "the driver mariadbconnector speaks UTF-8 only, but source.url says another charset",
            hint="write mysql+pymysql://… with the same charset",
        )
    url, folder = url.difference_update_query(renamed), url.query.get("host")
    if driver == "pg8000" and isinstance(folder, str) and folder.startswith("/"):
        # libpq's way to name the folder of the server's socket.
        path = f"{folder}/.s.PGSQL.{url.query.get('port') or url.port or 5432}"
        url = url.difference_update_query(["host", "port"]).update_query_dict({"unix_sock": path})
    return url


_REFUSED = re.compile(r"unexpected keyword argument|invalid keyword argument|invalid connection option")


def refuse_repeated(url: sa.URL) -> None:
    """Raise `UsageProblem` for an option that `url` gives more than once."""
    repeated = repeated_option(url.query, url="source.url", several=url.get_backend_name() == "postgresql")
    if repeated is not None:
        raise UsageProblem(repeated.words, hint=repeated.hint)


def wrong_option(url: sa.URL, error: Exception) -> UsageProblem:
    """The error for an option in the query part of `url` that its driver does not take, as `error` says."""
    words, driver = str(error), url.drivername.partition("+")[2] or url.drivername
    named = [name for name in url.query if re.search(rf"\b{re.escape(name)}\b", words)]
    if named and _REFUSED.search(words):
        message = f"source.url has an option{quoted(named[0])} that the driver {driver} does not take"
    else:
        # Most drivers quote only the value.
        named = named or [name for name, value in url.query.items() if isinstance(value, str) and value in words]
        shown = quoted(named[0]) if len(named) == 1 else ""
        message = f"source.url has an option{shown} with a value that the driver {driver} does not take"
    return UsageProblem(
        message, hint="correct what stands behind the ? of the URL; a ? or @ inside the password is written %3F, %40"
    )


def amendment(url: sa.URL, instants: tzinfo) -> Amend | None:
    """The function that makes a driver's rows equal to those of the others (see `Amend`); None if none is needed."""
    match url.drivername.partition("+")[2]:
        case "psycopg":
            return _as_declared
        case "psycopg2":
            return lambda rows, description: _as_declared(_with_bytes(rows, description), description)
        case "pg8000":
            return lambda rows, description: _as_declared([tuple(row) for row in rows], description)
        case "mariadbconnector":
            return lambda rows, description: _with_instants(rows, description, instants)
        case "" if url.get_backend_name() == "duckdb":
            return _with_lists
        case _:
            return None


def _as_declared(rows: Sequence[tuple[Any, ...]], description: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
    """PostgreSQL's values: `char(n)` without padding, and a JSON string still as JSON, in quotation marks.

    Decoded, the JSON string "12" would look like the JSON text of the number 12 that other databases give.
    """
    codes = [column[1] for column in description]
    rows = _changed(rows, [at for at, code in enumerate(codes) if code in _PADDED], _without_padding)
    return _changed(
        rows,
        [at for at, code in enumerate(codes) if code in _JSON],
        lambda value: json.dumps(value) if isinstance(value, str) else value,
    )


def _without_padding(value: Any) -> Any:  # noqa: ANN401  # any value of a driver
    if isinstance(value, list):
        return [_without_padding(one) for one in value]
    return value.rstrip(" ") if isinstance(value, str) else value


def _with_lists(rows: Sequence[tuple[Any, ...]], description: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
    # DuckDB gives a list of a fixed length as a tuple, any other as a list.
    at = [index for index, column in enumerate(description) if str(column[1]).endswith("]")]
    return _changed(rows, at, lambda value: list(value) if isinstance(value, tuple) else value)


def _with_bytes(rows: Sequence[tuple[Any, ...]], description: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
    at = [index for index, column in enumerate(description) if column[1] == 17]
    return _changed(rows, at, bytes)


def _with_instants(
    rows: Sequence[tuple[Any, ...]], description: Sequence[Any], zone: tzinfo
) -> Sequence[tuple[Any, ...]]:
    # Done here, because the connector's own converters crash (segmentation fault) on a zero date.
    at = [index for index, column in enumerate(description) if column[1] == 7]
    return _changed(rows, at, lambda value: _in_utc(value, zone))


def _changed(
    rows: Sequence[tuple[Any, ...]], at: Sequence[int], change: Callable[[Any], Any]
) -> Sequence[tuple[Any, ...]]:
    if not at:
        return rows
    changed = []
    for row in rows:
        values = list(row)
        for index in at:
            if values[index] is not None:
                values[index] = change(values[index])
        changed.append(tuple(values))
    return changed


def _conversions(driver: str, instants: tzinfo) -> dict[Any, Any]:
    # Imported here, because the drivers are extras.
    def instant(text: str | bytes) -> object:
        # A TIMESTAMP is an instant, sent in the session's zone; without a zone it would be taken for a DATETIME.
        value = _read_as(datetime, text)
        return _in_utc(value, instants) if isinstance(value, datetime) else value

    if driver == "pymysql":
        from pymysql.constants import FIELD_TYPE  # noqa: PLC0415
        from pymysql.converters import conversions  # noqa: PLC0415

        return {**conversions, FIELD_TYPE.TIMESTAMP: instant}
    from MySQLdb.constants import FIELD_TYPE  # noqa: PLC0415
    from MySQLdb.converters import conversions  # noqa: PLC0415

    # By itself mysqlclient turns zero dates into NULL, and writes a zone that the server does not accept.
    kinds = {FIELD_TYPE.DATETIME: datetime, FIELD_TYPE.DATE: date}
    read = {FIELD_TYPE.TIMESTAMP: instant, **{code: partial(_read_as, kind) for code, kind in kinds.items()}}
    return {**conversions, **read, datetime: lambda value, _: f"'{value.replace(tzinfo=None).isoformat(' ')}'"}


def _in_utc(moment: datetime, zone: tzinfo) -> datetime:
    return moment.replace(tzinfo=zone).astimezone(UTC)


def _read_as(kind: type[date], text: str | bytes) -> object:
    """`text` as a `date` or `datetime`; a zero date, which neither can hold, stays a text."""
    text = text if isinstance(text, str) else text.decode("ascii")
    try:
        return kind.fromisoformat(text)
    except ValueError:
        return text


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]

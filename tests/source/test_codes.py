"""The numbers of the databases that the source knows are those that the drivers have under these names.

Most of them no test can provoke on a real server: a wrong one would only be seen on the night when it matters.
"""

from __future__ import annotations

import psycopg
import pymysql
import pytest
from psycopg.errors import lookup
from pymysql.constants import CR, ER, FIELD_TYPE, FLAG

from etl.source import drivers, fault, kinds, lenient
from etl.source.fault import Fault

# What pymysql has no name for: ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_SECURE_TRANSPORT_REQUIRED,
# ER_CONNECTION_KILLED of MariaDB, and its own InterfaceError(0, "").
NAMELESS = {1698: Fault.LOGIN, 3159: Fault.LOGIN, 1927: Fault.LOST, 0: Fault.LOST}
MYSQL_ERRORS = {
    Fault.LOGIN: "ACCESS_DENIED_ERROR DBACCESS_DENIED_ERROR BAD_DB_ERROR HOST_NOT_PRIVILEGED NOT_SUPPORTED_AUTH_MODE "
    "CR_AUTH_PLUGIN_CANNOT_LOAD CR_AUTH_PLUGIN_ERR CR_SSL_CONNECTION_ERROR",
    Fault.DENIED: "TABLEACCESS_DENIED_ERROR COLUMNACCESS_DENIED_ERROR",
    Fault.MISSING: "NO_SUCH_TABLE BAD_FIELD_ERROR SP_DOES_NOT_EXIST VIEW_INVALID",
    Fault.WRONG: "NON_UNIQ_ERROR WRONG_FIELD_WITH_GROUP DUP_FIELDNAME PARSE_ERROR MIX_OF_GROUP_FUNC_AND_FIELDS "
    "WRONG_NUMBER_OF_COLUMNS_IN_SELECT",
    Fault.BUSY: "LOCK_WAIT_TIMEOUT LOCK_DEADLOCK STATEMENT_TIMEOUT QUERY_TIMEOUT QUERY_INTERRUPTED",
    Fault.ZONE: "UNKNOWN_TIME_ZONE",
    Fault.LOST: "CON_COUNT_ERROR TOO_MANY_USER_CONNECTIONS USER_LIMIT_REACHED "
    "SERVER_SHUTDOWN NET_READ_ERROR NET_READ_INTERRUPTED NET_ERROR_ON_WRITE "
    "NET_WRITE_INTERRUPTED CR_CONNECTION_ERROR CR_CONN_HOST_ERROR CR_UNKNOWN_HOST CR_SERVER_GONE_ERROR CR_SERVER_LOST "
    "CR_COMMANDS_OUT_OF_SYNC",
}
POSTGRESQL_STATES = {
    Fault.BUSY: "QueryCanceled LockNotAvailable SerializationFailure DeadlockDetected TransactionTimeout",
    Fault.LOST: "AdminShutdown CrashShutdown CannotConnectNow IdleSessionTimeout TooManyConnections "
    "IdleInTransactionSessionTimeout",
    Fault.LOGIN: "InvalidPassword InvalidAuthorizationSpecification InvalidCatalogName",
    Fault.DENIED: "InsufficientPrivilege",
    Fault.MISSING: "UndefinedTable UndefinedColumn UndefinedFunction InvalidSchemaName",
}
MYSQL_TYPES = {
    "integer": "TINY SHORT LONG LONGLONG INT24 YEAR",
    "number": "FLOAT DOUBLE",
    "decimal": "DECIMAL NEWDECIMAL",
    "datetime_tz": "TIMESTAMP",
    "datetime": "DATETIME",
    "date": "DATE NEWDATE",
    "time": "TIME",
    "json": "JSON",
    "text": "VARCHAR ENUM SET VAR_STRING STRING",
}
POSTGRESQL_TYPES = {
    "boolean": "bool",
    "integer": "int8 int2 int4 oid",
    "number": "float4 float8",
    "decimal": "numeric",
    "text": '"char" name text bpchar varchar',
    "date": "date",
    "datetime": "timestamp",
    "datetime_tz": "timestamptz",
    "time": "time timetz",
    "json": "json jsonb",
    "bytes": "bytea",
    "uuid": "uuid",
}


def oid(name: str) -> int:
    return psycopg.postgres.types[name].oid


def test_error_numbers_of_mysql_and_mariadb() -> None:
    named = {
        getattr(ER, name, None) or getattr(CR, name): is_a
        for is_a, names in MYSQL_ERRORS.items()
        for name in names.split()
    }
    assert {**named, **NAMELESS} == fault._MYSQL_CODES


def test_states_of_postgresql() -> None:
    named = {(name, is_a) for is_a, names in POSTGRESQL_STATES.items() for name in names.split()}
    assert {(lookup(state).__name__, is_a) for state, is_a in fault._POSTGRESQL_STATES.items()} == named


def test_types_of_mysql_and_mariadb() -> None:
    named = {getattr(FIELD_TYPE, name): kind for kind, names in MYSQL_TYPES.items() for name in names.split()}
    assert named == kinds._MYSQL_FIELD_TYPES
    assert kinds._MYSQL_BIT == FIELD_TYPE.BIT
    flags = kinds._MYSQL_ZEROFILL_FLAG, kinds._MYSQL_ENUM_FLAG, kinds._MYSQL_SET_FLAG
    assert flags == (FLAG.ZEROFILL, FLAG.ENUM, FLAG.SET)


def test_types_of_postgresql() -> None:
    named = {oid(name): kind for kind, names in POSTGRESQL_TYPES.items() for name in names.split()}
    assert named == kinds._POSTGRESQL_OIDS
    assert {oid("json"), oid("jsonb")} == drivers._JSON
    assert {oid("bpchar"), psycopg.postgres.types["bpchar"].array_oid} == drivers._PADDED


def test_types_of_postgresql_that_hold_what_python_does_not() -> None:
    dates = "date time timestamp timestamptz timetz"
    texts = '"char" name text json bpchar varchar jsonb'
    assert set(lenient._DATES) == {oid(name) for name in dates.split()}
    assert set(lenient._TEXTS) == {oid(name) for name in texts.split()} | {0}


@pytest.mark.parametrize(
    ("dialect", "error", "meaning"),
    [
        ("mysql", pymysql.err.InterfaceError("canary"), Fault.OTHER),
        ("mysql", UnicodeDecodeError("utf8", b"canary", 0, 1, "canary"), Fault.UNDECODABLE),
        ("mysql", ValueError("canary"), Fault.UNDECODABLE),
        ("mysql", pymysql.err.OperationalError(2013, "canary"), Fault.LOST),
        ("postgresql", psycopg.DataError("canary"), Fault.UNDECODABLE),
        ("postgresql", OverflowError("canary"), Fault.UNDECODABLE),
        ("postgresql", psycopg.OperationalError("canary"), Fault.LOST),
        ("postgresql", psycopg.NotSupportedError("canary"), Fault.OTHER),
        ("sqlite", OverflowError("canary"), Fault.UNDECODABLE),
        ("oracle", OverflowError("canary"), Fault.UNDECODABLE),
        ("oracle", RuntimeError("canary"), Fault.OTHER),
    ],
)
def test_an_error_that_a_driver_makes_itself_has_a_meaning_and_keeps_its_words(
    dialect: str, error: Exception, meaning: Fault
) -> None:
    """It has no number of the server's, and its words may quote a value."""
    found = fault.fault_of(error, dialect=dialect)
    assert (found.fault, "canary" in found.words + str(found.hint), "None" in found.words) == (meaning, False, False)

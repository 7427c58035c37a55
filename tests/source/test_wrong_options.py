"""What stands behind the ? of a URL and is wrong: it is named as that, and tried once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from etl.errors import EtlError, SourceFailed, StateUnusable, UsageProblem
from etl.source.connect import connect
from etl.source.drivers import wrong_option
from etl.state.store import open_state
from tests.source.clocks import FakeClock
from tests.source.drivers import require_driver
from tests.state.filling import SteppingClock

LIBPQ = ("postgresql+psycopg", "postgresql+psycopg2")
MYSQL = ("mysql+pymysql", "mysql+mysqldb", "mariadb+mariadbconnector")

# What libpq or the server refuses: words of the message, after "source.url" or "the state's URL".
OPTIONS = {
    "options=-cfoo%3Dcanary": 'sets "foo", a setting that the server does not know',
    "options=-cwork_mem%3Dcanary": 'gives the server\'s setting "work_mem" a value that it does not take',
    "options=-ctimezone%3Dcanary": 'gives the server\'s setting "TimeZone" a value that it does not take',
    "client_encoding=canary": 'gives the server\'s setting "client_encoding" a value that it does not take',
    "sslmode=canary": 'has an option with a value that cannot be taken: "sslmode"',
    "target_session_attrs=canary": 'has an option with a value that cannot be taken: "target_session_attrs"',
    "connect_timeout=canary": 'has an option with a value that cannot be taken: "connect_timeout"',
    "keepalives_idle=canary": 'has an option with a value that cannot be taken: "keepalives_idle"',
    "load_balance_hosts=canary": 'has an option with a value that cannot be taken: "load_balance_hosts"',
    "hostaddr=canary": "has an option with a value that cannot be taken",
    "sslmdoe=canary": 'has an option "sslmdoe" that the driver',
    "service=canary": "names a service that this machine's file of services (pg_service.conf) does not define",
    "options=-ca%3Dcanary&options=-cb%3Dcanary": 'gives the option "options" more than once',
    "sslmode=disable&sslmode=canary": 'gives the option "sslmode" more than once',
}
# What the server answered, and a run cannot go on with.
ANSWERED = {
    "sslmode=require": "asks for TLS, which the server does not offer",
    "target_session_attrs=read-only": "it is no standby or read-only one, which target_session_attrs asks for",
    "target_session_attrs=standby": "it is no standby or read-only one, which target_session_attrs asks for",
    "channel_binding=require": "the server does not log this user in by the way that",
    "require_auth=scram-sha-256": "the server does not log this user in by the way that",
}


def refused_source(url: str) -> EtlError:
    clock = FakeClock()
    with pytest.raises(EtlError) as error:
        connect(url, clock=clock).close()
    assert clock.waits == []
    return _checked(error.value)


def refused_state(url: str) -> EtlError:
    with pytest.raises(StateUnusable) as error:
        open_state(url, clock=SteppingClock(), write=True)
    assert error.value.exit_code == 8
    return _checked(error.value)


def _checked(error: EtlError) -> EtlError:
    shown = error.message + str(error.hint)
    assert "canary" not in shown
    assert "reachable" not in shown
    assert "can be reached" not in shown
    return error


def by(url: str, scheme: str, query: str) -> str:
    require_driver(scheme)
    return f"{scheme}://{url.partition('://')[2].partition('?')[0]}?{query}"


@pytest.mark.parametrize("scheme", LIBPQ)
@pytest.mark.parametrize("query", OPTIONS)
def test_an_option_that_is_wrong_is_named_in_source_and_state(postgresql_url: str, scheme: str, query: str) -> None:
    """The server was up: "check that it can be reached" sends people to the wrong place."""
    url = by(postgresql_url, scheme, query)
    error = refused_source(url)
    assert isinstance(error, UsageProblem)
    assert f"source.url {OPTIONS[query]}" in error.message
    assert f"the state's URL {OPTIONS[query]}" in refused_state(url).message


@pytest.mark.parametrize("scheme", LIBPQ)
@pytest.mark.parametrize("query", ANSWERED)
def test_what_the_server_answered_is_told_in_source_and_state(postgresql_url: str, scheme: str, query: str) -> None:
    url = by(postgresql_url, scheme, query)
    error = refused_source(url)
    assert isinstance(error, SourceFailed)
    assert ANSWERED[query] in error.message
    assert ANSWERED[query] in refused_state(url).message


@pytest.mark.parametrize("query", ["options=--canary", "options=-z", "options=canary"])
def test_options_that_are_no_settings_are_told(postgresql_url: str, query: str) -> None:
    url = by(postgresql_url, LIBPQ[0], query)
    for error in (refused_source(url), refused_state(url)):
        assert "the server cannot read the `options` of" in error.message
        assert "-cNAME=VALUE" in str(error.hint)


@pytest.mark.parametrize("port", ["canary", "1,canary"])
def test_a_port_that_is_no_number_is_told(postgresql_url: str, port: str) -> None:
    """SQLAlchemy reads it, and raised past everything."""
    url = by(postgresql_url, LIBPQ[0], f"port={port}")
    assert 'source.url has an option "port" with a value' in refused_source(url).message
    assert "the state's URL has an option with a value" in refused_state(url).message


@pytest.mark.parametrize("scheme", MYSQL)
@pytest.mark.parametrize("query", ["connect_timeout=canary", "compress=canary", "client_flag=canary"])
def test_a_value_that_a_driver_of_mariadb_does_not_take_is_no_bug(mariadb_url: str, scheme: str, query: str) -> None:
    """SQLAlchemy reads them, and its ValueError was told as a bug of ours."""
    error = refused_source(by(mariadb_url, scheme, query))
    assert isinstance(error, UsageProblem)
    assert f'source.url has an option "{query.partition("=")[0]}" with a value that the driver' in error.message


@pytest.mark.parametrize(
    ("scheme", "query", "words"),
    [
        ("mysql+pymysql", "charset=canary", "has an option with a value that the driver pymysql does not take"),
        ("mysql+mysqldb", "charset=canary", "has an option with a value that cannot be taken"),
        ("postgresql+pg8000", "client_encoding=canary", 'gives the server\'s setting "client_encoding" a value'),
        ("mysql+pymysql", "sql_mode=canary", 'has an option with a value that cannot be taken: "sql_mode"'),
        ("mysql+mysqldb", "collation=canary", 'has an option with a value that cannot be taken: "collation"'),
        ("mysql+pymysql", "init_command=SET+cana=canary", "has an option with a value that cannot be taken"),
        ("mysql+pymysql", "connect_timeout=0", 'has an option "connect_timeout" with a value that the driver'),
        ("mysql+pymysql", "ssl=canary", "has an option with a value that the driver pymysql does not take"),
        ("postgresql+pg8000", "timeout=canary", "with a value that the driver pg8000 does not take"),
        ("postgresql+pg8000", "application_name=a&application_name=b", "more than once"),
        ("mysql+pymysql", "ssl_ca=canary&ssl_ca=canary2", 'gives the option "ssl_ca" more than once'),
    ],
)
def test_a_value_that_a_driver_or_the_server_refuses_is_told(
    request: pytest.FixtureRequest, scheme: str, query: str, words: str
) -> None:
    server = "postgresql" if scheme.startswith("postgresql") else "mariadb"
    error = refused_source(by(request.getfixturevalue(f"{server}_url"), scheme, query))
    assert isinstance(error, UsageProblem)
    assert words in error.message


@pytest.mark.parametrize(
    ("query", "words", "told"),
    [
        ("a=1&b=2", "connect() got an unexpected keyword argument 'b'", 'an option "b" that the driver'),
        ("a=1&b=2", "connect() got an unexpected keyword argument 'c'", "an option with a value that the driver"),
        ("a=1&bc=2", "invalid connection option: b", "an option with a value that the driver"),
        ("a=x&b=2", "invalid literal: x", 'an option "a" with a value that the driver'),
        ("a=x&b=x", "invalid literal: x", "an option with a value that the driver"),
        ("a=x&b=2", "b must be above 3, not x", 'an option "b" with a value that the driver'),
        ("a=1&a=1&b=2", "invalid literal: 1", "an option with a value that the driver"),
    ],
)
def test_an_option_is_named_only_where_the_drivers_words_leave_one(query: str, words: str, told: str) -> None:
    """A driver quotes its name, or the value alone; a wrong name would send people to the wrong place."""
    error = wrong_option(sa.make_url(f"mysql+pymysql://host/shop?{query}"), TypeError(words))
    assert f"source.url has {told} pymysql does not take" in error.message


@pytest.mark.parametrize("url", ["postgresql://u:canary@one:5432,two:5432/shop", "postgresql://one:1,two:2/shop"])
def test_several_hosts_in_the_form_of_libpq_are_shown_the_form_that_is_read(url: str) -> None:
    for error in (refused_source(url), refused_state(url)):
        assert "postgresql://user@/database?host=one:5432&host=two:5432" in str(error.hint)


@pytest.mark.parametrize("scheme", LIBPQ)
def test_the_first_of_several_hosts_that_answers_is_read(postgresql_url: str, scheme: str) -> None:
    found = sa.make_url(postgresql_url)
    require_driver(scheme)
    url = f"{scheme}://{found.username}@/{found.database}?host=127.0.0.1:1&host=127.0.0.1:{found.port}"
    database = connect(url, clock=FakeClock())
    assert database.place == f"postgresql://127.0.0.1:1,127.0.0.1:{found.port}/{found.database}"
    database.close()
    with open_state(url, clock=SteppingClock(), write=True) as store, store.mapping("people").lock("run"):
        pass

"""Recognises why a connection to a database could not be made, by the drivers' messages, which are not shown.

They may contain the user's name, or the end of a password that was taken for the host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from etl.install import pip_install


class Obstacle(Enum):
    """What stood in the way, by what can be done about it."""

    PASSING = auto()  # may be over in a moment
    UNKNOWN_HOST = auto()  # the name is wrong, or this machine's DNS is down for a moment
    LOGIN = auto()  # user, password, database or rules: stays until a person changes something
    OPTION = auto()  # an option of the URL is wrong: stays until the URL is corrected


@dataclass(frozen=True, slots=True)
class Cause:
    """`words` and `hint` are printable: no value, no secret."""

    refusal: Obstacle
    words: str
    hint: str


STATEMENT_POOLER = Cause(
    Obstacle.LOGIN,
    "a pooler in statement mode stands before the server, which allows no transactions",
    "give the address of the server itself, or of a pooler in another mode",
)
_ADDRESS = "check host and port in {url}; is the database up? The next run goes on from here"
_TLS = "ask your administrator for the CA's certificate, or correct the TLS options in {url}"
NO_TLS = Cause(Obstacle.LOGIN, "{url} asks for TLS, which the server does not offer", _TLS)
_OPTIONS = "correct what stands behind the ? of the URL; a ? or @ inside the password is written %3F, %40"
_SETTINGS = "correct options=-cNAME=VALUE behind the ? of the URL, or the variable PGOPTIONS of the environment"
_FILES = "correct the TLS options in {url}; the user that runs this needs to read the files"

# In this order: the first that is found counts. A `{name}` is filled with the pattern's group, quoted.
_CAUSES: tuple[tuple[str, Cause], ...] = (
    (
        r"invalid (?:connection option|URI query parameter|dsn)[^\"]*\"(\w+)\"",
        Cause(Obstacle.OPTION, "{url} has an option{name} that the driver {driver} does not take", _OPTIONS),
    ),
    (
        (
            r"invalid (\w+) value: |invalid \w+ value .* for connection option \"(\w+)\"|bad value for (\w+): "
            r"|(?:weak|incorrectly) (sslmode)|could not parse network address|invalid (port) number"
            r"|extended query protocol not supported in a (replication) connection"
            r"|The parameter (\w+) can't be of type|Unknown (collation)|Variable '(\w+)' can't be set to the value"
            r"|Unknown system variable '(\w+)'|Can't initialize (character set)|No (cipher) can be selected"
        ),
        Cause(Obstacle.OPTION, "{url} has an option with a value that cannot be taken:{name}", _OPTIONS),
    ),
    (
        r"unrecognized configuration parameter \"([\w.]+)\"",
        Cause(Obstacle.OPTION, "{url} sets{name}, a setting that the server does not know", _SETTINGS),
    ),
    (
        (
            r"invalid value for parameter \"([\w.]+)\"|is outside the valid range for parameter \"([\w.]+)\""
            r"|parameter \"([\w.]+)\" requires|invalid .* client_encoding"
        ),
        Cause(Obstacle.OPTION, "{url} gives the server's setting{name} a value that it does not take", _SETTINGS),
    ),
    (
        r"permission denied to set parameter \"([\w.]+)\"|parameter \"([\w.]+)\" cannot be (?:set|changed)",
        Cause(Obstacle.OPTION, "{url} sets{name}, a setting that this user may not set when it connects", _SETTINGS),
    ),
    (
        r"invalid command-line argument for server process|^.*FATAL:\s+-\S+ requires a value|requires a value\s*$",
        Cause(Obstacle.OPTION, "the server cannot read the `options` of {url}", _SETTINGS),
    ),
    (
        r"definition of service .* not found|service file .* not found|syntax error in service file",
        Cause(
            Obstacle.OPTION,
            "{url} names a service that this machine's file of services (pg_service.conf) does not define",
            "correct the option service in the URL, or name the file by the variable PGSERVICEFILE",
        ),
    ),
    (
        r"session is not read-only|server is not in hot standby mode",
        Cause(
            Obstacle.LOGIN,
            "the server answered, but it is no standby or read-only one, which target_session_attrs asks for",
            "correct target_session_attrs or the hosts in {url}",
        ),
    ),
    (
        r"session is read-only|server is in hot standby mode",
        Cause(
            Obstacle.PASSING,
            "the server answered, but it is a standby or read-only, and target_session_attrs asks for another",
            "correct target_session_attrs or the hosts in {url}; while a standby takes over, run again later",
        ),
    ),
    (
        r"channel binding required|authentication method requirement|GSSAPI encryption required",
        Cause(
            Obstacle.LOGIN,
            "the server does not log this user in by the way that {url} asks for",
            "correct channel_binding, require_auth or gssencmode in {url}",
        ),
    ),
    (
        (
            r"could not translate host name|Name or service not known|nodename nor servname|getaddrinfo"
            r"|No address associated|[Nn]ame resolution|failed to resolve host|TNS:could not resolve"
            r"|Unknown (?:MySQL )?server host"
        ),
        Cause(Obstacle.UNKNOWN_HOST, "the host name is not known", "check the host in {url}, and this machine's DNS"),
    ),
    (
        (
            r"server does not support SSL|Server refuses SSL"
            r"|SSL is required,? but the server does(?:n't| not) support"
            r"|server doesn't support SSL|SSL is not supported by the server"
        ),
        NO_TLS,
    ),
    (
        (
            r"could not (?:open|read|load|stat) (?:root )?(?:certificate|private key)|could not load .*private key"
            r"|private key file .* (?:has group|must be|does not exist|is not)|certificate present, but not private key"
            r"|NO_CERTIFICATE_OR_CRL_FOUND|KEY_VALUES_MISMATCH|key values mismatch|PEM lib"
            r"|[Ff]ailed to (?:load|read|set) .*(?:certificate|private key)|Unable to get (?:certificate|private key)"
            r"|no start line"
        ),
        Cause(
            Obstacle.OPTION, "a file with a key or certificate that {url} names is missing or cannot be used", _FILES
        ),
    ),
    (
        r"root certificate file .* does not exist",
        Cause(
            Obstacle.LOGIN,
            "the server's certificate cannot be verified, since there is no file with the CA's certificate",
            "name it in {url}: sslrootcert=FILE, or sslrootcert=system for a CA that this machine trusts",
        ),
    ),
    (
        (
            r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|self[- ]signed certificate"
            r"|certificate .*does not match"
            r"|server certificate for .* does not match|[Hh]ostname mismatch|Certificate verification failure"
        ),
        Cause(Obstacle.LOGIN, "the server's certificate cannot be verified", _TLS),
    ),
    (
        r"no encryption|SSL off|insecure transport are prohibited|SSL connection is required",
        Cause(
            Obstacle.LOGIN,
            "the server admits no connection without TLS, or none of this user and host",
            "ask for TLS in {url}: ?sslmode=require for PostgreSQL, ?ssl_ca=… for MySQL and MariaDB",
        ),
    ),
    (
        r"(?:\[SSL|SSL error|TLS/SSL error|SSL connection error)",
        Cause(Obstacle.LOGIN, "TLS could not be agreed on with the server", _TLS),
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        Cause(
            Obstacle.LOGIN,
            "the server's rules (pg_hba.conf) admit no such connection",
            "let the administrator admit this user, database and host",
        ),
    ),
    (
        r"permission denied for database|does not have CONNECT privilege",
        Cause(
            Obstacle.LOGIN,
            "this user may not connect to the database",
            "let its owner GRANT CONNECT ON DATABASE … TO the user of {url}",
        ),
    ),
    (
        r"database \"?[^\"]*\"? does not exist|no such database|Unknown database",
        Cause(Obstacle.LOGIN, "the server has no database of that name", "check the database's name in {url}"),
    ),
    (
        r"is not allowed to connect to this M|Host '.*' is blocked",
        Cause(
            Obstacle.LOGIN,
            "the server admits no connection from this machine",
            "let the administrator admit this user from this host",
        ),
    ),
    (
        # 1044 of MySQL and MariaDB, which say no more than that: there may be no such database.
        r"Access denied for user .* to database",
        Cause(
            Obstacle.LOGIN,
            "user and password are right, but this user has no right on the database, or there is none of that name",
            "check the database's name in {url}, or let the administrator GRANT SELECT ON it to the user",
        ),
    ),
    (
        (
            r"password authentication failed|no password supplied|role .* does not exist|authentication failed"
            r"|is not permitted to log in|Access denied for user"
        ),
        Cause(Obstacle.LOGIN, "the database refused the login", "check user and password in {url}"),
    ),
    (
        r"unsupported startup parameter",
        Cause(
            Obstacle.LOGIN,
            "a pooler stands before the server, and does not take the options that {url} asks for",
            "leave them out of {url}, or name them in PgBouncer's ignore_startup_parameters",
        ),
    ),
    (r"transaction blocks not allowed in statement pooling mode", STATEMENT_POOLER),
    (
        r"query_wait_timeout",
        Cause(
            Obstacle.PASSING,
            "a pooler stands before the server, and had no free session of it in time",
            "raise its pool size (default_pool_size), or run again later",
        ),
    ),
    (
        (
            r"'?(cryptography|pynacl)'? package is required|authentication method '?(\w+)'? (?:not|cannot)"
            r"|[Aa]uthentication plugin '?(\w+)'? "
        ),
        Cause(
            Obstacle.LOGIN,
            "this user logs in by a method that the driver cannot do ({method})",
            f"{pip_install('pymysql[rsa,ed25519]')}, or another method of login for the user",
        ),
    ),
    (
        r"Can't open lib '([\w .()-]+)'|Data source name not found",
        Cause(
            Obstacle.LOGIN,
            "unixODBC does not find the ODBC driver that {url} names",
            "install it (Microsoft's msodbcsql18), and name it: ?driver=ODBC+Driver+18+for+SQL+Server",
        ),
    ),
    (
        r"[Cc]onnection refused|DPY-6005.*Errno 111|Can't connect to .*\(11[15]\)|\(111 \"|refused your connection",
        Cause(Obstacle.PASSING, "nothing listens on that port (connection refused)", _ADDRESS),
    ),
    (
        r"No route to host|Network is unreachable|\(11[03] |Cannot assign requested address",
        Cause(Obstacle.PASSING, "there is no way to that host over the network", _ADDRESS),
    ),
    (
        r"timed out|timeout expired|\(110\b|system error: 110|connection timeout|Timeout",
        Cause(Obstacle.PASSING, "no answer in time, as when a firewall drops the packets", _ADDRESS),
    ),
    (
        r"No such file or directory|\(2 \"|\(2\)",
        Cause(Obstacle.PASSING, "there is no socket of a server at that path", _ADDRESS),
    ),
    (
        r"invalid response to SSL negotiation|expected authentication request|[Pp]acket sequence number wrong",
        Cause(Obstacle.LOGIN, "what answers on that port is not this kind of database", "check host and port in {url}"),
    ),
    (
        (
            r"[Tt]oo many (?:clients|connections)|remaining connection slots|no more connections allowed"
            r"|more than 'max_user_connections'|max_user_connections"
        ),
        Cause(Obstacle.PASSING, "the server has no free connection", "raise its limit, or run again later"),
    ),
    (
        r"starting up|shutting down|in recovery mode|not yet accepting",
        Cause(Obstacle.PASSING, "the server is starting or stopping", "the next run goes on from here"),
    ),
)
_PATTERNS = tuple((re.compile(pattern), cause) for pattern, cause in _CAUSES)


def repeated_option(query: Mapping[str, object], *, url: str, several: bool) -> Cause | None:
    """The cause to refuse a URL whose `query` gives an option more than once, which drivers handle wrongly.

    several: its drivers take several hosts, each with its port.
    """
    for name, value in sorted(query.items()):
        if not isinstance(value, str) and not (several and name in {"host", "port"}):
            hint = "write all of them in one: options=-cone%3D1%20-ctwo%3D2" if name == "options" else "leave one"
            return Cause(Obstacle.OPTION, f"{url} gives the option{quoted(name)} more than once", hint)
    return None


# How to write characters with a meaning in a URL as part of a name or a password.
ESCAPED = "in a user name, a password or an option write %40 for @, %2F for / and %3A for :"


def url_hint(url: str, *, example: str) -> str:
    """What to write instead of `url`, which cannot be read: `example`, or how hosts or passwords are written."""
    rest = url.partition("://")[2]
    if "," in rest.partition("/")[0].rpartition("@")[2]:
        return "several hosts are written postgresql://user@/database?host=one:5432&host=two:5432"
    return ESCAPED if "@" in rest else example


def quoted(name: str) -> str:
    """` "name"` where it looks like that of an option, otherwise nothing: it may be a part of a password."""
    return f' "{name}"' if re.fullmatch(r"[A-Za-z_. ]{1,40}", name) else ""


def cause_of(words: str, *, url: str, driver: str) -> Cause | None:
    """The cause that a driver's `words` tell of; None when they tell of none that is known.

    `url` is how people name the URL ("source.url"), `driver` the driver's package.
    """
    for pattern, cause in _PATTERNS:
        found = pattern.search(words)
        if found is not None:
            name = next((one for one in found.groups() if one), "")
            return told_of(cause, url=url, driver=driver, name=name)
    return None


def told_of(cause: Cause, *, url: str, driver: str = "", name: str = "") -> Cause:
    """`cause` with `url`, and what it says of the driver and of a name, in their places."""
    words = cause.words.format(url=url, driver=driver, name=quoted(name), method=name)
    return Cause(cause.refusal, words.removesuffix(":"), cause.hint.format(url=url))

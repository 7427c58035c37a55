"""A secret in any part of any URL, and in any wrong place, is shown nowhere (F1, F2).

Written down wrong, a URL has no parts that a parser could tell apart: what is not sure to be harmless is not shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.e2e import leaks
from tests.e2e.canary_cases import BEGINNING, DEBUG, RUN

S = leaks.DATABASE_PASSWORD
LETTERS = leaks.LETTERS

# SERVER stands for host and port: of a server, or where none listens.
PARTS = {
    "user": "{scheme}://{s}@SERVER/shop",
    "password": "{scheme}://reader:{s}@SERVER/shop",
    "password without a user": "{scheme}://:{s}@SERVER/shop",
    "password of an unknown host": "{scheme}://reader:{s}@nowhere.invalid/shop",
    "password without a host": "{scheme}://reader:{s}@/shop",
    "password without a database": "{scheme}://reader:{s}@SERVER",
    "port": "{scheme}://reader@127.0.0.1:{s}/shop",
    "password before a port that is none": "{scheme}://reader:{s}@127.0.0.1:port/shop",
    "option user": "{scheme}://SERVER/shop?user={s}",
    "option password": "{scheme}://SERVER/shop?user=reader&password={s}",
    "option unknown": "{scheme}://SERVER/shop?nothing={s}",
    "option port": "{scheme}:///shop?host=127.0.0.1&port={s}",
    "option given twice": "{scheme}://SERVER/shop?nothing={s}&nothing=2",
    "option that is no number": "{scheme}://SERVER/shop?connect_timeout={s}",
    "hash": "{scheme}://reader:x#{s}@SERVER/shop",
    "slash": "{scheme}://reader:x/{s}@SERVER/shop",
    "question mark": "{scheme}://reader:x?{s}@SERVER/shop",
    "percent sign": "{scheme}://reader:50%{s}@SERVER/shop",
    "colon": "{scheme}://reader:x:{s}@SERVER/shop",
    "brackets": "{scheme}://reader:[{s}]@SERVER/shop",
    "at sign": "{scheme}://reader:x@{s}@SERVER/shop",
    "at sign in front": "{scheme}://reader:@{s}@SERVER/shop",
    "at sign in the user": "{scheme}://re@{s}:word@SERVER/shop",
    "at sign and slash": "{scheme}://reader:x@y/{s}@SERVER/shop",
    "at sign and question mark": "{scheme}://reader:x@y?{s}@SERVER/shop",
    "at sign and hash": "{scheme}://reader:x@y#{s}@SERVER/shop",
    "at sign in an option": "{scheme}://SERVER/shop?password=x@{s}",
    "space": "{scheme}://reader:x {s}@SERVER/shop",
    "space in front": " {scheme}://reader:{s}@SERVER/shop",
    "quotes around it": "'{scheme}://reader:{s}@SERVER/shop'",
    "no slashes": "{scheme}:reader:{s}@SERVER/shop",
    "one slash": "{scheme}:/reader:{s}@SERVER/shop",
    "no scheme": "reader:{s}@SERVER/shop",
    "no scheme but slashes": "//reader:{s}@SERVER/shop",
    "scheme mistyped": "{scheme}x://reader:{s}@SERVER/shop",
    "driver": "{scheme}+{s}://reader@SERVER/shop",
    "driver unknown": "{scheme}+nothing://reader:{s}@SERVER/shop",
    "line break": "{scheme}://reader:x\n{s}@SERVER/shop",
}
OF_POSTGRESQL = {
    f"option {name}": f"postgresql://reader@SERVER/shop?{name}={value}"
    for name, value in {
        "sslpassword": "{s}",
        "sslmode": "{s}",
        "sslkey": "/{s}",
        "sslcert": "/{s}",
        "sslrootcert": "/{s}",
        "passfile": "/{s}",
        "service": "{s}",
        "hostaddr": "{s}",
        "application_name": "{s}",
        "client_encoding": "{s}",
        "target_session_attrs": "{s}",
        "channel_binding": "{s}",
        "options": "-csearch_path%3D{s}",
        "options ": "-cnothing.at%3D{s}%20-cstatement_timeout%3D{s}",
        "options  ": "{s}",
        "keepalives_idle": "{s}",
    }.items()
} | {"several hosts": "postgresql://reader:{s}@/shop?host=127.0.0.1:1&host=127.0.0.1:2"}
OF_MYSQL = {
    f"option {name}": f"mysql://reader@SERVER/shop?{name}={value}"
    for name, value in {
        "ssl_ca": "/{s}",
        "ssl_key": "/{s}",
        "ssl_key_password": "{s}",
        "unix_socket": "/{s}",
        "charset": "{s}",
        "collation": "{s}",
        "init_command": "{s}",
        "read_default_file": "/{s}",
        "sql_mode": "{s}",
        "connect_timeout": "{s}",
    }.items()
}
OF_FILES = {
    "a user": "sqlite://reader:{s}@/shop.db",
    "a host": "sqlite://{s}/shop.db",
    "an option": "sqlite:///people.sqlite?{s}={s}",
    "an option of DuckDB": "duckdb:///people.duckdb?password={s}",
}
URLS = {
    **{f"PostgreSQL, {part}": url.replace("{scheme}", "postgresql") for part, url in PARTS.items()},
    **{f"MySQL, {part}": url.replace("{scheme}", "mysql") for part, url in PARTS.items()},
    **{f"PostgreSQL, {part.strip()}": url for part, url in OF_POSTGRESQL.items()},
    **{f"MySQL, {part}": url for part, url in OF_MYSQL.items()},
    **{f"a file, {part}": url for part, url in OF_FILES.items()},
}
NO_SERVER = "127.0.0.1:1"
IMPATIENT = "  retry: {max_attempts: 1, max_backoff: 1s, give_up_after: 1s}\n"


def silent(office: Any, *arguments: str) -> str:
    """No canary is in anything that the command prints or leaves, nor is it a bug. Returns all that it said."""
    ended = office.call(*arguments, columns=400)
    assert ended.code in {0, 2, 3, 4, 5, 6, 8}, ended.err
    own = {"people.yaml", "people.sqlite"}
    left = {path: text for path, text in leaks.files_below(office.folder).items() if Path(path).name not in own}
    found = leaks.found_in({"stdout": ended.out.encode(), "stderr": ended.err.encode(), **left}, leaks.SECRETS)
    assert not found, f"{found}\n{ended.out}\n{ended.err}"
    return str(ended.out + ended.err)


# Where letters are the name of a driver or of an option, they are told.
TOLD = ("driver", "an option")


@pytest.mark.parametrize(
    ("part", "canary"),
    [(part, S) for part in URLS] + [(part, LETTERS) for part in URLS if not part.endswith(TOLD)],
)
def test_in_the_url_of_a_source(office: Any, part: str, canary: str) -> None:
    office.fill(1)
    office.variables["PEOPLE_URL"] = URLS[part].replace("{s}", canary).replace("SERVER", NO_SERVER)
    # It does not wait for a server to come back.
    silent(office, "status", "people.yaml", *DEBUG)


@pytest.mark.parametrize("part", URLS)
def test_in_the_url_of_a_state(office: Any, part: str) -> None:
    url = URLS[part].replace("{s}", S).replace("SERVER", NO_SERVER)
    office.fill(1)
    silent(office, *RUN, "--state", url, *DEBUG)


@pytest.mark.parametrize(("server", "scheme"), [("postgresql_url", "postgresql"), ("mariadb_url", "mysql")])
def test_in_the_url_of_a_server_that_answers(
    office: Any, server: str, scheme: str, request: pytest.FixtureRequest
) -> None:
    """It has words of its own for what it refuses."""
    office.fill(1)
    there = sa.make_url(request.getfixturevalue(server))
    place = f"{there.host}:{there.port}"
    said = ""
    for url in URLS.values():
        if scheme in url:
            office.variables["PEOPLE_URL"] = url.replace("{s}", S).replace("SERVER/shop", f"{place}/{there.database}")
            said += silent(office, "status", "people.yaml", *DEBUG)
    assert said.count("the database refused the login") > 1


# Those that no parser understands: the others would be waited for.
MISTAKEN = [
    url.replace("{s}", S).replace("SERVER", NO_SERVER)
    for part, url in URLS.items()
    if any(word in part for word in ("at sign", "no scheme", "no slashes"))
]


@pytest.mark.parametrize(
    "command",
    [
        ("init", "URL"),
        ("init", "URL", "people"),
        ("init", "people", "URL"),
        ("init", "sqlite:///people.sqlite", "URL"),
        ("state", "show", "people.yaml", "--state", "URL"),
        ("state", "copy", "URL", "new.sqlite", "--yes"),
        ("state", "copy", ".etl/state.sqlite", "URL", "--yes"),
        ("state", "drop", "URL", "--yes"),
        ("state", "rename", "people", "URL", "--yes"),
        ("state", "set", "people.yaml", "URL", "--yes"),
        ("status", "--state", "URL"),
        ("status", "URL"),
        ("run", "URL"),
        ("run", "people.yaml", "--start-from", "URL"),
        ("run", "people.yaml", "--ping-url", "URL", *BEGINNING),
        ("run", "people.yaml", "--notify-url", "URL", *BEGINNING),
        ("run", "people.yaml", "--max-runtime", "URL", *BEGINNING),
        ("run", "people.yaml", "--deadline", "URL", *BEGINNING),
        ("run", "people.yaml", "--log-level", "URL", *BEGINNING),
        ("retry", "people.yaml", "--reason", "URL"),
        ("retry", "people.yaml", "--state", "URL"),
        ("explain", "people.yaml", "1", "--state", "URL"),
        ("forget", "people.yaml", "--key", "1", "--yes", "--state", "URL"),
        ("validate", "URL", "--connect"),
        ("deploy", "cron", "people.yaml", "--state", "URL"),
    ],
    ids=" ".join,
)
def test_in_an_argument(office: Any, command: tuple[str, ...]) -> None:
    office.fill(1)
    for url in MISTAKEN:
        silent(office, *(url if word == "URL" else word for word in command), *DEBUG)


@pytest.mark.parametrize("key", ["email", "id, email"])
@pytest.mark.parametrize(
    "command",
    [
        ("run", "people.yaml", "--key", "URL"),
        ("run", "people.yaml", "--key", "URL", "-o", "json"),
        ("retry", "people.yaml", "--key", "URL"),
        ("preview", "people.yaml", "--key", "URL"),
        ("preview", "people.yaml", "--key", "URL", "--as-test"),
        ("explain", "people.yaml", "URL"),
        ("explain", "people.yaml", "URL", "-o", "json"),
        ("forget", "people.yaml", "--key", "URL", "--yes"),
    ],
    ids=" ".join,
)
def test_in_a_key(office: Any, command: tuple[str, ...], key: str) -> None:
    office.fill(1)
    office.variables["API_KEY"] = leaks.API_KEY
    office.write_mapping(destination=IMPATIENT)
    office.mapping.write_text(office.mapping.read_text().replace("primary_key: id", f"primary_key: [{key}]"))
    assert office.call("run", "people.yaml", "--start-from", "now").code == 0
    for url in [*MISTAKEN[:2], *MISTAKEN[-2:], leaks.API_KEY]:
        silent(office, *(url if word == "URL" else word for word in command))


WRONG = [
    S,
    f"postgresql://reader:{S}@db.example/shop",
    f"reader:{S}@db.example",
    f"https://{S}@x.example/{S}?a={S}#{S}",
    f"{S} with blanks",
]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("account: ${ACCOUNT}", "account: WRONG"),
        ("api_key: ${API_KEY}", "api_key: WRONG"),
        ("api_key: ${API_KEY}", "api_key: ${WRONG"),
        ("api_key: ${API_KEY}", "api_key: ${file:WRONG}"),
        ("url: ${API_URL}", "url: WRONG"),
        ("url: ${API_URL}", "url: http://127.0.0.1/WRONG"),
        ("url: ${API_URL}", "url: http://WRONG@127.0.0.1"),
        ("url: ${PEOPLE_URL}", "url: WRONG"),
        ("table: people", "table: WRONG"),
        ("table: people", "query: WRONG"),
        ("table: people", "query: SELECT * FROM WRONG"),
        ("timezone: UTC", "where: WRONG"),
        ("timezone: UTC", "timezone: WRONG"),
        ("primary_key: id", "primary_key: WRONG"),
        ("email: email", "email: WRONG"),
        ("email: email", "email: {value: WRONG}"),
        ("destination:", "destination:\n  ca_file: WRONG"),
    ],
)
def test_in_a_wrong_place_of_the_mapping(office: Any, old: str, new: str) -> None:
    office.fill(1)
    office.write_mapping(destination=IMPATIENT)
    good = office.mapping.read_text()
    assert old in good
    for wrong in WRONG:
        office.variables["WRONG"] = wrong
        for written in ("${WRONG}", f"'{wrong}'"):
            office.mapping.write_text(good.replace(old, new.replace("WRONG", written)))
            silent(office, *RUN, *DEBUG, "--metrics-file", "run.prom")
            silent(office, "validate", "people.yaml", *DEBUG)
        (office.folder / "run.prom").unlink(missing_ok=True)


PROXIES = [
    f"http://reader:{S}@127.0.0.1:1",
    f"http://{S}@127.0.0.1:1",
    f"reader:{S}@127.0.0.1:1",
    f"http://reader:x/{S}@127.0.0.1:1",
    f"http://reader:x?{S}@127.0.0.1:1",
    f"http://reader:x#{S}@127.0.0.1:1",
    f"http://reader:x@{S}@127.0.0.1:1",
    f"socks5://reader:{S}@127.0.0.1:1",
    f"https://reader:{S}@127.0.0.1:1",
    f"http://reader:{S}@127.0.0.1:port",
    f"http://reader:{S}@",
    f"http://127.0.0.1:1/{S}",
]


@pytest.mark.parametrize("used", [True, False])
def test_in_the_address_of_a_proxy(office: Any, *, used: bool) -> None:
    office.fill(1)
    office.write_mapping(destination=f"  proxy: {str(used).lower()}\n{IMPATIENT}")
    office.variables["API_URL"] = "http://127.0.0.1:1"
    for proxy in PROXIES:
        office.variables.update(http_proxy=proxy, HTTP_PROXY=proxy, no_proxy="", NO_PROXY="")
        silent(office, *RUN, *DEBUG)
        silent(office, "validate", "people.yaml", "--connect", *DEBUG)


@pytest.mark.parametrize("how", ["PING", "NOTIFY"])
def test_in_the_address_of_who_is_told(office: Any, how: str) -> None:
    office.fill(1)
    addresses = [
        f"http://127.0.0.1:1/{S}",
        f"http://127.0.0.1:1/?a={S}",
        f"https://reader:{S}@127.0.0.1:1/x",
        f"json://reader:{S}@127.0.0.1:1/x",
        f"json://127.0.0.1:1/{S}",
        f"mailtos://reader:{S}@mail.invalid?to={S}@mail.invalid",
        f"slack://{S}",
        *WRONG,
    ]
    for address in addresses:
        office.variables[f"SQUEEZELY_ETL_RUN_{how}_URL"] = address
        silent(office, "run", "people.yaml", "--full-refresh", "--yes", *DEBUG)

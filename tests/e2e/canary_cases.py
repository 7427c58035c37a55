"""Commands and failures for `test_canaries.py`, and the stage on which they are played."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trustme

from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.e2e import leaks
from tests.e2e.canary_stage import Stage
from tests.servers.behaviours import answering
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer

BEGINNING = ("--start-from", "beginning")


# How the API fails, with all that it was told in its answer


def echoing(status: int, **headers: str) -> Callable[[Recorded], Behaviour]:
    """The request's body and key come back as the API's words."""

    def script(request: Recorded) -> Behaviour:
        words = [f"bad: {request.body!r} key {leaks.API_KEY}", *(event["email"] for event in request.events)]
        return answering(status, {"success": False, "errors": words}, headers=dict(headers))

    return script


def naming(request: Recorded) -> Behaviour:
    errors = [
        {"index": place, "code": f"NO_{event['email']}", "message": f"{event} {leaks.API_KEY}"}
        for place, event in enumerate(request.events)
    ]
    return answering(200, {"success": False, "errors": errors})


def page(request: Recorded) -> Behaviour:
    return answering(
        200, b"<html>" + (request.body or b"") + leaks.API_KEY.encode(), headers={"Content-Type": "text/html"}
    )


def cut_off(request: Recorded) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + (request.body or b"")[:50])
        exchange.close()

    return behave


def few(request: Recorded) -> Behaviour:
    return answering(200, {"success": True, "created": 1, "note": str(request.body)})


def no_http(request: Recorded) -> Behaviour:
    def behave(exchange: Exchange) -> None:
        exchange.send((request.body or b"") + leaks.API_KEY.encode() + b"\r\n\r\n")
        exchange.close()

    return behave


def elsewhere(target: str) -> Callable[[Recorded], Behaviour]:
    return lambda _: answering(307, b"", headers={"Location": target})


# What is arranged before a command


@dataclass(frozen=True)
class Case:
    """A command with its exit code; `prepare` is done before it."""

    name: str
    arguments: Sequence[str]
    code: int
    prepare: Sequence[Callable[[Stage], object]] = ()
    rows_on_stdout: bool = False


def api(behave: Callable[[Recorded], Behaviour | None]) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        stage.behave = behave

    return prepare


def variable(name: str, value: str) -> Callable[[Stage], None]:
    return lambda stage: stage.variables.update({name: value.replace("FOLDER", str(stage.folder))})


def instead(old: str, new: str) -> Callable[[Stage], object]:
    def prepare(stage: Stage) -> None:
        assert old in stage.mapping.read_text()
        stage.mapping.write_text(stage.mapping.read_text().replace(old, new))

    return prepare


def key_file(content: bytes) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        (stage.folder / "key").write_bytes(content)
        instead("${API_KEY}", f"${{file:{stage.folder}/key}}")(stage)

    return prepare


def first(stage: Stage) -> None:
    """A run before."""
    assert stage.call("run", "people.yaml", *BEGINNING).code == 3


def again(stage: Stage) -> None:
    """Another run, from the checkpoint."""
    assert stage.call("run", "people.yaml").code in (0, 3)


def swapped(stage: Stage) -> None:
    """The key where the account belongs, and the other way round."""
    instead("account: shop-1", "account: ${API_KEY}")(stage)
    instead("api_key: ${API_KEY}", "api_key: shop-1")(stage)


def after_a_swap(stage: Stage) -> None:
    """One that the API takes for right: what is stored is the account as it was written."""
    stage.behave = lambda request: answering(200, {"success": True, "created": len(request.events)})
    assert stage.call(*RUN).code == 3


def sql(statement: str) -> Callable[[Stage], None]:
    return lambda stage: stage.sql(statement)


def locked(stage: Stage) -> None:
    store = stage.stack.enter_context(open_state(str(stage.state), clock=SystemClock(), write=True))
    stage.stack.enter_context(store.mapping("people").lock("run"))


def untrusted(stage: Stage) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    stage.variables["API_URL"] = stage.stack.enter_context(ScriptedServer(tls=context)).url


def damaged(stage: Stage) -> None:
    stage.state.write_bytes(stage.state.read_bytes()[:5000])


# Passwords that were not escaped: no parser knows where they end.
UNESCAPED = {
    "an @": f"postgresql://kanarie:x@{leaks.DATABASE_PASSWORD}@127.0.0.1:1/shop",
    "an @ and a slash": f"postgresql://kanarie:x@h/{leaks.DATABASE_PASSWORD}@127.0.0.1:1/shop",
    "an @ and a ?": f"postgresql://kanarie:x@h?{leaks.DATABASE_PASSWORD}@127.0.0.1:1/shop",
    "a slash in the user's name": f"postgresql://kana/rie:{leaks.DATABASE_PASSWORD}@127.0.0.1:1/shop",
    "an @ for MySQL": f"mysql://kanarie:x@{leaks.DATABASE_PASSWORD}@127.0.0.1:1/shop",
    "a user of SQLite": f"sqlite://kanarie:{leaks.DATABASE_PASSWORD}@x/shop.db",
}
# Where the key may stand by mistake: what is replaced, by what, and the exit code.
WRONG_PLACES = [
    ("table: people", "table: WRONG", 2),
    ("primary_key: id", "primary_key: WRONG", 2),
    ("primary_key: id", "primary_key: [id, WRONG]", 2),
    ("cursor_field: updated_at", "cursor_field: WRONG", 2),
    ("timezone: UTC", "timezone: WRONG", 2),
    ("timezone: UTC", "settle: WRONG", 2),
    ("timezone: UTC", "page_size: WRONG", 2),
    ("timezone: UTC", "on_null_cursor: WRONG", 2),
    ("timezone: UTC", "where: WRONG", 4),
    ("email: email", "email: WRONG", 2),
    ("email: email", "email: {column: email, type: WRONG}", 2),
    ("email: email", "email: {column: email, transform: [WRONG]}", 2),
    ("email: email", "email: {column: email, transform: WRONG}", 2),
    ("email: email", "email: {template: WRONG}", 2),
    ("max_failure_rate: 100%", "max_failure_rate: WRONG", 2),
    ("max_failure_rate: 100%", "max_failure_rate: 100%\nresend: WRONG", 2),
    ("max_failure_rate: 100%", "max_failure_rate: 100%\nresend_ignores: [WRONG]", 2),
    ("url: ${API_URL}", "url: WRONG", 2),
    ("timeout: 1s", "batch_size: WRONG", 2),
    ("timeout: 1s", "proxy: WRONG", 2),
    ("timeout: 1s", "ca_file: WRONG", 2),
]
CLOSED = f"127.0.0.1:1/shop?sslpassword={leaks.QUERY}"
SERVER_URL = f"postgresql://kanarie:{leaks.DATABASE_PASSWORD}@{CLOSED}"
RUN = ("run", "people.yaml", *BEGINNING)
DEBUG = ("--log-level", "debug", "--log-format", "json")
BACKFILL = ("backfill", "people.yaml", "--from", "2025-01-01", "--to", "2025-01-02")

COMMANDS = [
    Case("run", RUN, 3),
    Case("run with logs", (*RUN, "-v"), 3),
    Case("run with debug logs as json", (*RUN, *DEBUG, "-o", "json"), 3),
    Case("run with figures", (*RUN, "--metrics-file", "etl/run.prom"), 3),
    Case("run that skips", ("run", "people.yaml", "--if-locked", "skip"), 0, [locked]),
    Case("run that finds another", (*RUN, *DEBUG), 7, [locked]),
    Case("dry run", (*RUN, "--dry-run", *DEBUG), 3),
    Case("backfill", (*BACKFILL, *DEBUG), 3),
    Case("dry backfill", (*BACKFILL, "--dry-run", "-o", "json"), 3),
    Case("retry", ("retry", "people.yaml", *DEBUG), 3, [first]),
    Case("status", ("status", "people.yaml"), 0, [first]),
    Case("status as json", ("status", "people.yaml", "-o", "json", "--history", "5"), 0, [first, again]),
    Case("status --check", ("status", "people.yaml", "--check"), 3, [first]),
    Case("preview", ("preview", "people.yaml", *DEBUG), 0, rows_on_stdout=True),
    Case("preview of requests", ("preview", "people.yaml", "--request"), 0, rows_on_stdout=True),
    Case("masked preview", ("preview", "people.yaml", "--mask"), 0),
    Case("masked preview of requests", ("preview", "people.yaml", "--request", "--mask"), 0),
    Case("masked preview of failures", ("preview", "people.yaml", "--invalid", "--mask", "-o", "json"), 0),
    Case("preview as a test", ("preview", "people.yaml", "--key", "1", "--as-test"), 0, rows_on_stdout=True),
    Case("explain", ("explain", "people.yaml", "5"), 0, [first], rows_on_stdout=True),
    Case("masked explanation", ("explain", "people.yaml", "5", "--mask", *DEBUG), 0, [first]),
    Case("dead letters", ("status", "people.yaml", "--dead-letters"), 0, [first]),
    Case("dead letters as csv", ("status", "people.yaml", "--dead-letters", "-o", "csv"), 0, [first]),
    Case("forget", ("forget", "people.yaml", "--key", "1", "--yes", *DEBUG), 0, [first]),
    Case("state drop", ("state", "drop", "people", "--yes"), 0, [first]),
    Case("state show", ("state", "show", "people.yaml"), 0, [first]),
    Case("state set", ("state", "set", "people.yaml", "2025-01-01", "--yes"), 0, [first]),
    Case("state reset", ("state", "reset", "people.yaml", "--yes"), 0, [first]),
    Case("validate", ("validate", "people.yaml"), 0),
    Case("validate --connect", ("validate", "people.yaml", "--connect", *DEBUG), 0),
    Case("test", ("test", "people.yaml"), 0),
    Case("schema", ("schema",), 0),
    Case("init", ("init", "${PEOPLE_URL}", "people"), 0),
    *(
        Case(f"deploy {target}", ("deploy", target, "people.yaml"), 0)
        for target in ("cron", "systemd", "kubernetes", "airflow", "docker")
    ),
]

FAILURES = [
    Case("401", RUN, 5, [api(echoing(401))]),
    Case("403", (*RUN, *DEBUG), 5, [api(echoing(403))]),
    Case("another key", RUN, 5, [variable("API_KEY", leaks.API_KEY[::-1])]),
    Case("400 that echoes", RUN, 3, [api(echoing(400))]),
    Case("422 that echoes", (*RUN, "-o", "json"), 3, [api(echoing(422))]),
    Case("success: false that echoes", (*RUN, *DEBUG), 3, [api(echoing(200))]),
    Case("errors that name and quote", RUN, 3, [api(naming)]),
    Case("413", RUN, 6, [api(echoing(413))]),
    Case("fewer than sent", RUN, 3, [api(few)]),
    Case("500 that echoes", (*RUN, *DEBUG), 6, [api(echoing(500))]),
    Case("429", RUN, 6, [api(echoing(429, **{"Retry-After": "7200"}))]),
    Case("402", RUN, 6, [api(echoing(402))]),
    Case("404", RUN, 2, [api(echoing(404))]),
    Case("redirect with the key", RUN, 2, [api(elsewhere(f"https://x.example/?k={leaks.API_KEY}"))]),
    Case("redirect within", RUN, 2, [api(elsewhere(f"/{leaks.API_KEY}/kanarie"))]),
    Case("a page", (*RUN, *DEBUG), 6, [api(page)]),
    Case("an answer cut off", RUN, 6, [api(cut_off)]),
    Case("no HTTP", (*RUN, *DEBUG), 6, [api(no_http)]),
    Case("no answer", (*RUN, *DEBUG), 6, [api(lambda _: Exchange.hang)]),
    Case("reset", RUN, 6, [api(lambda _: Exchange.reset)]),
    Case("nobody there", RUN, 6, [variable("API_URL", "http://127.0.0.1:1")]),
    Case("a certificate of nobody", (*RUN, *DEBUG), 2, [untrusted]),
    Case("validate with a wrong key", ("validate", "people.yaml", "--connect"), 5, [api(echoing(401))]),
    Case("no database", RUN, 4, [variable("PEOPLE_URL", f"sqlite:///FOLDER/none.sqlite?token={leaks.QUERY}")]),
    Case("a database that is down", (*RUN, *DEBUG), 4, [variable("PEOPLE_URL", SERVER_URL)]),
    Case("a database unknown", RUN, 2, [variable("PEOPLE_URL", SERVER_URL.replace("postgresql", "unheard"))]),
    Case("a URL that is none", RUN, 2, [variable("PEOPLE_URL", f"kanarie {leaks.DATABASE_PASSWORD}")]),
    Case(
        "init of a database that is down", ("init", "${PEOPLE_URL}", "people"), 4, [variable("PEOPLE_URL", SERVER_URL)]
    ),
    Case("a row that cannot be decoded", RUN, 3, [sql("UPDATE people SET name = CAST(x'6b616e61726965ff' AS TEXT)")]),
    Case("numbers that are none", (*RUN, *DEBUG), 3, [instead("firstname: name", "totalvalue: name")]),
    Case("a table that is gone", RUN, 2, [sql("ALTER TABLE people RENAME TO elsewhere")]),
    Case("a column that is gone", RUN, 2, [sql("ALTER TABLE people DROP COLUMN name")]),
    Case("a where that fails", RUN, 2, [instead("cursor_field", "where: \"nothing('kanarie')\"\n  cursor_field")]),
    Case(
        "a NULL cursor",
        RUN,
        4,
        [
            sql("CREATE TABLE x AS SELECT * FROM people"),
            sql("DROP TABLE people"),
            sql("ALTER TABLE x RENAME TO people"),
            sql("UPDATE people SET updated_at = NULL WHERE id = 3"),
        ],
    ),
    Case("a key in the wrong place", RUN, 2, [instead("timeout: 1s", f"timeout: {leaks.API_KEY}")]),
    *(
        Case(f"the password holds {what}", (*command, *DEBUG), code, [variable("PEOPLE_URL", url)])
        for what, url in UNESCAPED.items()
        for command, code in ((RUN, 2), (("init", "${PEOPLE_URL}", "people"), 2))
    ),
    *(
        Case(f"the state's password holds {what}", (*RUN, *DEBUG), 8, [variable("SQUEEZELY_ETL_STATE", url)])
        for what, url in UNESCAPED.items()
    ),
    Case(
        "a state's URL without its slashes",
        RUN,
        8,
        [variable("SQUEEZELY_ETL_STATE", SERVER_URL.replace("://", ":"))],
    ),
    Case("a URL for a mapping", ("run", SERVER_URL), 2),
    Case("a URL for a table", RUN, 2, [variable("WRONG", SERVER_URL), instead("table: people", "table: ${WRONG}")]),
    Case("init of a URL for a table", ("init", "${PEOPLE_URL}", SERVER_URL), 2),
    Case("account and key swapped", (*RUN, *DEBUG), 5, [swapped, api(echoing(401))]),
    Case("status after a swap", ("status", "people.yaml"), 0, [swapped, after_a_swap]),
    Case("state show after a swap", ("state", "show", "people.yaml"), 0, [swapped, after_a_swap]),
    Case("validate of a swap", ("validate", "people.yaml", "--connect"), 5, [swapped]),
    *(
        Case(
            f"a key at {new}, {how}",
            (*RUN, *DEBUG),
            2 if how == "with marks" else code,
            [variable("WRONG", text), instead(old, new.replace("WRONG", "${WRONG}"))],
        )
        for old, new, code in WRONG_PLACES
        for how, text in {"plain": leaks.API_KEY, "with marks": f'x"y{leaks.API_KEY}"z"'}.items()
    ),
    *(
        Case(f"a key in clear at {new}", RUN, code, [instead(old, new.replace("WRONG", leaks.API_KEY))])
        for old, new, code in WRONG_PLACES
    ),
    Case("a key that is a list", RUN, 2, [instead("${API_KEY}", f"[{leaks.API_KEY}]")]),
    Case("YAML that breaks off", RUN, 2, [instead("${API_KEY}", f"'{leaks.API_KEY}")]),
    Case("YAML with a tag", RUN, 2, [instead("${API_KEY}", f"!!python/name:{leaks.API_KEY}")]),
    Case("a variable that is not set", RUN, 2, [instead("${API_KEY}", "${NOBODY:?ask somebody}")]),
    Case(
        "an address with a password",
        RUN,
        2,
        [variable("API_URL", f"https://kanarie:{leaks.DATABASE_PASSWORD}@x.example")],
    ),
    Case("an address with a query", RUN, 2, [variable("API_URL", f"https://x.example/?q={leaks.QUERY}")]),
    Case("plain http", RUN, 2, [variable("API_URL", f"http://x.example/{leaks.QUERY}")]),
    Case("a key file with a line break", RUN, 3, [key_file(leaks.API_KEY.encode() + b"\n")]),
    Case("a key file of two lines", RUN, 2, [key_file(leaks.API_KEY.encode() + b"\r\nX: 1\r\n")]),
    Case("a key with a letter outside ASCII", RUN, 2, [variable("API_KEY", leaks.API_KEY + "é")]),
    Case("a key file that is no text", RUN, 2, [key_file(leaks.API_KEY.encode() + b"\xff\xfe")]),
    Case("a state that is damaged", ("run", "people.yaml"), 8, [first, damaged]),
    Case("a state on a server that is down", RUN, 6, [variable("SQUEEZELY_ETL_STATE", SERVER_URL)]),
    Case(
        "a state of an unknown sort",
        RUN,
        8,
        [variable("SQUEEZELY_ETL_STATE", SERVER_URL.replace("postgresql", "oracle"))],
    ),
    Case(
        "a state of another source",
        ("run", "people.yaml"),
        8,
        [first, instead("cursor_field: updated_at", "cursor_field: id")],
    ),
    Case("a first run undecided", ("run", "people.yaml"), 8),
    Case(
        "a monitor that is down", RUN, 3, [variable("SQUEEZELY_ETL_RUN_PING_URL", f"http://127.0.0.1:1/{leaks.PING}")]
    ),
    Case("a monitor's address that is none", RUN, 2, [variable("SQUEEZELY_ETL_RUN_PING_URL", f"ftp://{leaks.PING}@x")]),
    Case(
        "a gateway that is down", RUN, 3, [variable("SQUEEZELY_ETL_RUN_PUSHGATEWAY", f"http://a:{leaks.PING}@[::1]:1")]
    ),
    Case("a gateway in clear", RUN, 2, [variable("SQUEEZELY_ETL_RUN_PUSHGATEWAY", f"http://a:{leaks.PING}@gateway")]),
    Case("an option that is unknown", ("run", "people.yaml", "--nothing"), 2),
]

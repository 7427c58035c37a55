"""People hear once that a mapping begins to need them, and once that it is well again; over real sockets."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import etl
from tests.servers.scripted_server import Exchange, ScriptedServer, refusing_url

TOKEN = "token-4711"
ADDRESS = "nobody-at-home"


def listening(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.answer(200, b"OK")


@pytest.fixture
def chat(desk: Any) -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _: listening) as server:
        desk.variables = {"SQUEEZELY_ETL_RUN_NOTIFY_URL": f"{server.url.replace('http', 'json')}/{TOKEN}"}
        yield server


def heard(chat: ScriptedServer) -> list[dict[str, str]]:
    return [json.loads(one.body or b"") for one in chat.requests]


def change(desk: Any, sql: str) -> None:
    with sqlite3.connect(desk.folder / "people.sqlite") as database:
        database.execute(sql)


def test_one_message_a_change_with_what_is_new_and_the_next_command(desk: Any, chat: ScriptedServer) -> None:
    """Well, well, needs a person, still, well again: two messages, without a value of a row and without a secret."""
    desk.fill(30)
    assert desk.run("--start-from", "beginning").code == 0
    assert desk.run().code == 0
    assert heard(chat) == []
    desk.fill(2, first=100, minutes=30)
    change(desk, f"UPDATE people SET email = '{ADDRESS}' WHERE id = 100")
    outputs = [desk.run() for _ in range(2)]
    assert [one.code for one in outputs] == [3, 3]
    (bad,) = heard(chat)
    assert bad["title"] == "squeezely-etl: people needs a person"
    assert bad["type"] == "warning"
    first, second, last = bad["message"].splitlines()
    assert first == "people: needs a person"
    assert second == "  1 row could not be delivered: invalid_email 1"
    assert last.startswith("  next: squeezely-etl status ")
    assert desk.call(*last.split()[2:]).code == 0, "the next command works as it is printed"
    change(desk, "DELETE FROM people WHERE id = 100")
    desk.variables["SQUEEZELY_ETL_RETRY_NOTIFY_URL"] = desk.variables["SQUEEZELY_ETL_RUN_NOTIFY_URL"]
    outputs.append(desk.call("retry", str(desk.mapping)))
    assert [one["title"] for one in heard(chat)[1:]] == ["squeezely-etl: people is well again"]
    assert heard(chat)[1]["message"] == "people: well again"
    everything = str(heard(chat)) + "".join(one.out + one.err for one in outputs)
    assert ADDRESS not in everything
    assert TOKEN not in everything


def test_a_message_that_did_not_arrive_is_sent_by_the_next_run(desk: Any, chat: ScriptedServer) -> None:
    """A chat that is down fails no run, and its address is in no output."""
    desk.fill(3)
    change(desk, f"UPDATE people SET email = '{ADDRESS}' WHERE id = 2")
    url, name = desk.variables["SQUEEZELY_ETL_RUN_NOTIFY_URL"], "SQUEEZELY_ETL_RUN_NOTIFY_URL"
    with refusing_url() as nowhere:
        desk.variables[name] = f"{nowhere.replace('http', 'json')}/{TOKEN}"
        failed = desk.run("--start-from", "beginning")
    assert failed.code == 3
    words = "warning: the notification was not sent, the next run tries again: 1 of 1 addresses did not take it"
    assert words in failed.err
    desk.variables[name] = url
    again = desk.run()
    assert [one["title"] for one in heard(chat)] == ["squeezely-etl: people needs a person"]
    assert "warning" not in again.err
    assert TOKEN not in failed.out + failed.err + again.out + again.err


@pytest.mark.parametrize("hangs", [False, True], ids=["refused", "silent"])
def test_a_dead_address_takes_nothing_from_the_living(desk: Any, chat: ScriptedServer, *, hangs: bool) -> None:
    """One message when it begins and one when it is well, to each that can be reached; the dead one is tried again."""
    name, url = "SQUEEZELY_ETL_RUN_NOTIFY_URL", desk.variables["SQUEEZELY_ETL_RUN_NOTIFY_URL"]
    desk.fill(3)
    change(desk, f"UPDATE people SET email = '{ADDRESS}' WHERE id = 2")
    with refusing_url() as nowhere, ScriptedServer(lambda _: Exchange.hang) as silent:
        dead = (silent.url if hangs else nowhere).replace("http", "json")
        desk.variables[name] = f"{dead}/{TOKEN} {url}"
        first = desk.run("--start-from", "beginning")
        again = desk.run()
        assert [one["title"] for one in heard(chat)] == ["squeezely-etl: people needs a person"]
        assert "1 of 2 addresses" in first.err
        assert "1 of 1 addresses" in again.err
        change(desk, "DELETE FROM people WHERE id = 2")
        assert desk.call("retry", str(desk.mapping)).code == 0
        desk.run()
        last = desk.run()
    assert [one["type"] for one in heard(chat)] == ["warning", "success"]
    assert "warning" not in last.err, "who never heard of the trouble is not told that it is over"
    with sqlite3.connect(desk.state) as state:
        assert TOKEN not in "\n".join(state.iterdump())


def test_files_that_cannot_be_loaded_are_told_once_and_dry_runs_never(desk: Any, chat: ScriptedServer) -> None:
    desk.fill(3)
    assert desk.run("--start-from", "beginning").code == 0
    good = desk.mapping.read_text()
    desk.mapping.write_text(good.replace("fields:", "feilds:"))
    assert [desk.run("--dry-run").code, desk.run().code, desk.run().code] == [2, 2, 2]
    (bad,) = heard(chat)
    assert bad["title"].startswith("squeezely-etl: the files of ")
    assert f"\n  next: squeezely-etl validate {desk.mapping}" in bad["message"]
    desk.mapping.write_text(good)
    assert desk.run("--jobs", "2").code == 0, "processes of their own tell the one that started them"
    assert [one["type"] for one in heard(chat)] == ["warning", "success"]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("run", "--key", "4711"), "no row with key 4711"),
        (("retry", "--key", "4711"), "no dead letter is open for key 4711"),
        (("run", "--key", "Quintessa"), '"Quintessa" is no value of the key column'),
        (("run", "--key", f"a={ADDRESS},b=4711"), "what was given (not shown) is not a key"),
        (("retry", "--key", "id=Quintessa"), '"Quintessa" is no value of the key column'),
    ],
)
def test_a_key_that_was_typed_is_shown_and_kept_nowhere(
    desk: Any, chat: ScriptedServer, arguments: tuple[str, ...], shown: str
) -> None:
    """It may be an address, of a person who asks to be forgotten."""
    if "a=" in arguments[-1]:
        desk.write_mapping()
        desk.mapping.write_text(desk.mapping.read_text().replace("primary_key: id", "primary_key: [id, points]"))
    desk.fill(3)
    desk.variables["SQUEEZELY_ETL_RETRY_NOTIFY_URL"] = desk.variables["SQUEEZELY_ETL_RUN_NOTIFY_URL"]
    command, *options = arguments
    ended = desk.call(command, str(desk.mapping), *options)
    assert ended.code == 2
    assert shown in ended.err
    with sqlite3.connect(desk.state) as state:
        everything = "\n".join(state.iterdump())
    assert "a key that was given" in everything or "what was given is" in everything
    told = str(heard(chat)) + desk.call("status", str(desk.mapping), "--history", "5", "-o", "json").out
    for text in (ADDRESS, "4711", "Quintessa"):
        assert text not in everything + told.replace(TOKEN, "")


@pytest.mark.parametrize(
    "arguments",
    [("run", "--key", "4711"), ("retry", "--key", "4711"), ("run", "--key", "2"), ("backfill", "--from", "no time")],
)
def test_a_call_that_is_no_night_tells_nobody(desk: Any, chat: ScriptedServer, arguments: tuple[str, ...]) -> None:
    """Who mistyped a key sees it; the address hears what `status --check` says, and the next night says it too."""
    desk.fill(3)
    assert desk.run("--start-from", "beginning").code == 0
    for command in ("RETRY", "BACKFILL"):
        desk.variables[f"SQUEEZELY_ETL_{command}_NOTIFY_URL"] = desk.variables["SQUEEZELY_ETL_RUN_NOTIFY_URL"]
    change(desk, f"UPDATE people SET email = '{ADDRESS}' WHERE id = 2")
    command, *options = arguments
    assert desk.call(command, str(desk.mapping), *options).code == (3 if "2" in options else 2)
    assert heard(chat) == []
    assert desk.call("status", str(desk.mapping), "--check").code == (3 if "2" in options else 0)


@pytest.mark.parametrize("wrong", [f"slack://{TOKEN}", f"{TOKEN}", f"nothing://{TOKEN}@host"])
def test_a_wrong_address_is_refused_without_showing_it(desk: Any, wrong: str) -> None:
    desk.variables = {"SQUEEZELY_ETL_RUN_NOTIFY_URL": wrong}
    ended = desk.run()
    assert ended.code == 2
    assert "not an address of Apprise" in ended.err
    assert TOKEN not in ended.out + ended.err


def test_python_tells_the_same_people(desk: Any, chat: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker of Airflow calls it: the addresses as the variable holds them, divided by spaces."""
    desk.fill(3)
    change(desk, f"UPDATE people SET email = '{ADDRESS}' WHERE id = 2")
    url, state = desk.variables["SQUEEZELY_ETL_RUN_NOTIFY_URL"], str(desk.folder / "state.sqlite")
    for name, value in desk.environment().items():
        monkeypatch.setenv(name, value)
    ended = etl.run(desk.mapping, start_from="beginning", notify_url=f"{url} {url}2", state=state)
    assert ended.exit_code == 3
    assert [one["title"] for one in heard(chat)] == ["squeezely-etl: people needs a person"] * 2
    change(desk, "DELETE FROM people WHERE id = 2")
    assert etl.retry(desk.mapping, notify_url=[url], state=state).exit_code == 0
    assert [one["title"] for one in heard(chat)[2:]] == ["squeezely-etl: people is well again"]


def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "etl.monitoring.notify", None)
    with pytest.raises(etl.UsageProblem, match="needs the package Apprise, which is not installed") as raised:
        etl.run("people.yaml", notify_url=f"json://chat/{TOKEN}")
    assert str(raised.value.hint).endswith("pip install apprise")


@pytest.mark.parametrize(("option", "wrong"), [("notify_url", f"slack://{TOKEN}"), ("pushgateway", f"ftp://{TOKEN}")])
def test_a_wrong_address_is_a_wrong_call_from_python_too(option: str, wrong: str) -> None:
    """Which a worker of Airflow does not try again."""
    with pytest.raises(etl.UsageProblem, match=f"^{option}: ") as raised:
        etl.run("people.yaml", **{option: wrong})  # type: ignore[arg-type]
    assert TOKEN not in f"{raised.value}{raised.value.__cause__}{raised.value.hint}"

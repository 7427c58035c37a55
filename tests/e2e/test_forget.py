"""A person is erased: nothing sends an event of theirs again, whichever command asks; with the real command line."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
import threading
from hashlib import sha256
from signal import SIGKILL
from typing import Any

import pytest
import sqlalchemy as sa

from tests.e2e.kill_points import FORGET
from tests.processes.forked_cli import ForkedCli
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer

CREDENTIALS = ("shop-1", "key-of-the-shop")
EVA = "person2@example.com"


@pytest.fixture(params=["sqlite", "postgresql"])
def desk_and_state(request: pytest.FixtureRequest, desk: Any) -> Any:
    """A desk whose state is a file, and one whose state is a server."""
    if request.param == "postgresql":
        desk.variables["SQUEEZELY_ETL_STATE"] = request.getfixturevalue("postgresql_url")
    return desk


@pytest.fixture(name="desk")
def desk_with_quick_calls(desk: Any) -> Any:
    return desk


def forget(desk: Any, *options: str) -> Any:
    ended = desk.call("forget", str(desk.mapping), "--yes", "-o", "json", *options)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def change(desk: Any, what: str = "name = name || '.'") -> None:
    """Every row is new again: as after an update, or in a database that was restored and written to."""
    with desk.engine().begin() as connection:
        connection.execute(sa.text(f"UPDATE people SET {what}, updated_at = datetime(updated_at, '+1 second')"))


def test_no_command_sends_what_was_forgotten(desk_and_state: Any) -> None:
    """The identity, not the row: run, backfill, retry, --key and a full refresh count it as suppressed."""
    desk = desk_and_state
    with ScriptedServer(credentials=CREDENTIALS) as server:
        desk.api_url = server.url
        desk.fill(5)
        assert desk.run("--start-from", "beginning").summary["sent"] == 5
        receipt = forget(desk, "--email", f" {EVA.upper()} ")
        assert (receipt["suppressed"], receipt["accounts"]) == ({"email": 1, "userid": 0, "new": 1}, ["shop-1"])
        sent = len(server.accepted)
        change(desk)
        nightly = desk.run().summary
        assert (nightly["read"], nightly["sent"], nightly["suppressed"]) == (5, 4, 1)
        refreshed = desk.run("--full-refresh").summary
        assert (refreshed["sent"], refreshed["suppressed"]) == (4, 1)
        span = ("--from", "2000-01-01", "--to", "2100-01-01")
        filled = desk.call("backfill", str(desk.mapping), "-o", "json", *span).summary
        assert (filled["sent"], filled["unchanged"], filled["suppressed"]) == (0, 4, 1)
        asked = desk.call("run", str(desk.mapping), "--key", "2", "-o", "json")
        assert (asked.code, asked.summary["sent"], asked.summary["suppressed"]) == (0, 0, 1)
        planned = desk.run("--dry-run", "--full-refresh").summary
        assert (planned["suppressed"], planned["forecast"]["events"]) == (1, 4)
        assert EVA not in [event["email"] for event in server.accepted[sent:]]


def test_a_dead_letter_of_a_forgotten_person_is_removed_and_never_retried(desk: Any) -> None:
    def refuse_eva(exchange: Exchange) -> None:
        exchange.read_body()
        found = [at for at, event in enumerate(exchange.request.events) if event["email"] == EVA]
        taken = exchange.accept([event for event in exchange.request.events if event["email"] != EVA])
        errors = {str(at): "no" for at in found}
        exchange.answer(207, {"created": taken, "errors": errors})

    with ScriptedServer(lambda _: refuse_eva, credentials=CREDENTIALS) as server:
        desk.api_url = server.url
        desk.fill(5)
        assert desk.run("--start-from", "beginning").code == 3
        forget(desk, "--email", EVA)
        before = len(server.requests)
        retried = desk.call("retry", str(desk.mapping), "-o", "json")
        assert (retried.code, retried.summary["sent"], retried.summary["suppressed"]) == (0, 0, 1)
        assert len(server.requests) == before
        (standing,) = json.loads(f"[{desk.call('status', '-o', 'json').out}]")
        assert (standing["dead_letters"], standing["suppressed"]) == ({}, 1)


@pytest.mark.parametrize("stored", [EVA, sha256(EVA.encode()).hexdigest()], ids=["address", "hash"])
@pytest.mark.parametrize("typed", [EVA, sha256(EVA.encode()).hexdigest().upper()], ids=["by address", "by hash"])
def test_an_address_and_its_hash_are_one_identity(desk: Any, stored: str, typed: str) -> None:
    desk.fill(3)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = :stored WHERE id = 2"), {"stored": stored})
    forget(desk, "--email", typed)
    done = desk.run("--start-from", "beginning").summary
    assert (done["sent"], done["suppressed"]) == (2, 1)


def test_a_user_id_is_an_identity_of_its_account_alone(desk: Any) -> None:
    """Two shops in one state number their customers from 1."""
    text = desk.mapping.read_text().replace("  email: email\n", "  userid: {column: id, type: text}\n")
    desk.mapping.write_text(text)
    other = desk.folder / "other.yaml"
    other.write_text(text.replace("name: people", "name: other").replace("${ACCOUNT}", "shop-2"))
    desk.fill(3)
    forget(desk, "--userid", "2")
    assert desk.run("--start-from", "beginning").summary["suppressed"] == 1
    elsewhere = desk.call("run", str(other), "-o", "json", "--start-from", "beginning", "--dry-run").summary
    assert (elsewhere["suppressed"], elsewhere["forecast"]["events"]) == (0, 3)


def test_a_key_suppresses_the_identities_of_its_row_and_removes_what_the_state_has_of_it(desk: Any) -> None:
    desk.fill(3)
    desk.run("--start-from", "beginning")
    receipt = forget(desk, "--key", "2")
    assert (receipt["rows_found"], receipt["ledger_entries"]) == (1, 1)
    assert receipt["suppressed"] == {"email": 1, "userid": 0, "new": 1}
    # Under another key the person is the same.
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET id = 99 WHERE id = 2"))
    change(desk)
    again = desk.run().summary
    assert (again["sent"], again["suppressed"]) == (2, 1)


def test_a_key_whose_row_is_gone_says_that_its_identities_are_not_known(desk: Any) -> None:
    desk.fill(3)
    desk.run("--start-from", "beginning")
    with desk.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM people WHERE id = 2"))
    ended = desk.call("forget", str(desk.mapping), "--yes", "--key", "2")
    assert ended.code == 0, ended.err
    assert "1 of the ledger" in ended.out
    assert "the row is gone" in ended.out


def test_a_row_whose_identity_cannot_be_read_suppresses_nobody_and_says_so(desk: Any) -> None:
    """Its person is sent as soon as the address is corrected, so a receipt with 0 was wrong."""
    desk.fill(3)
    with desk.engine().begin() as connection:
        connection.execute(sa.text("UPDATE people SET email = 'nobody-at-home' WHERE id = 2"))
    assert desk.run("--start-from", "beginning").code == 3
    ended = desk.call("forget", str(desk.mapping), "--yes", "--key", "2")
    assert ended.code == 3, ended.err
    assert ended.out.startswith("no identity was suppressed; what was known of the rows was removed at ")
    assert re.search(
        r"^  not suppressed +1 row without an address or user id that can be read$", ended.out, re.MULTILINE
    )
    assert re.search(r"^  removed +0 of the ledger, 1 dead letter$", ended.out, re.MULTILINE)
    assert "correct its address in the database and forget it again" in " ".join(ended.out.split())
    several = desk.call("forget", str(desk.mapping), "--yes", "--key", "2", "--key", "1", "-o", "json")
    assert (several.code, json.loads(several.out)["rows_nameless"]) == (3, 1)
    assert forget(desk, "--key", "2", "--email", "person2@example.com")["suppressed"]["email"] == 1


def test_a_key_that_nothing_knows_forgets_nobody_and_says_so(desk: Any) -> None:
    """A mistyped key must not look like a person who was erased."""
    desk.fill(3)
    first = desk.call("forget", str(desk.mapping), "--yes", "--key", "4711")
    assert (first.code, desk.state.exists()) == (2, False), first.err
    desk.run("--start-from", "beginning")
    ended = desk.call("forget", str(desk.mapping), "--yes", "--key", "4711")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "error: no row with this key is known, neither to the source nor to the state: no identity was suppressed\n"
        "hint: is it the right mapping, and the key as `explain` takes it? --email and --userid need no row\n"
    )
    several = desk.call("forget", str(desk.mapping), "--yes", "--key", "4711", "--key", "2")
    assert several.code == 0, several.err
    assert re.search(r"^  suppressed +1 of email", several.out, re.MULTILINE)
    assert re.search(
        r"^  not forgotten +1 key of no row that the source or the state knows$", several.out, re.MULTILINE
    )
    receipt = forget(desk, "--email", "person3@example.com", "--key", "4711")
    assert (receipt["rows_unknown"], receipt["suppressed"]["email"]) == (1, 1)


def test_a_row_is_forgotten_also_by_another_spelling_of_its_key(desk: Any) -> None:
    with desk.engine().begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE people (id TEXT COLLATE NOCASE PRIMARY KEY, email TEXT, name TEXT, points INTEGER, "
                "updated_at TIMESTAMP)"
            )
        )
        connection.execute(
            sa.text("INSERT INTO people VALUES ('Eva', 'eva@example.com', 'Eva', 1, datetime('now', '-1 hour'))")
        )
    assert desk.run("--start-from", "beginning").summary["sent"] == 1
    receipt = forget(desk, "--key", "EVA", "--key", "Adam")
    assert (receipt["rows_found"], receipt["rows_unknown"], receipt["ledger_entries"]) == (1, 1, 1)


def test_a_restored_database_and_a_restored_state_send_nothing_of_the_forgotten(desk: Any) -> None:
    """The source comes back by itself; the state by `--export` and `--import`."""
    desk.fill(5)
    desk.run("--start-from", "beginning")
    backup = desk.folder / "backup.sqlite"
    with sqlite3.connect(desk.state) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    forget(desk, "--email", EVA)
    exported = desk.call("forget", "--export", str(desk.folder / "gone.json"))
    assert exported.code == 0, exported.err
    assert (desk.folder / "gone.json").stat().st_mode & 0o777 == 0o600
    assert EVA not in (desk.folder / "gone.json").read_text()
    shutil.copy(backup, desk.state)
    desk.state.chmod(0o600)
    for left in ("-wal", "-shm"):
        desk.state.with_name(desk.state.name + left).unlink(missing_ok=True)
    imported = desk.call("forget", "--import", str(desk.folder / "gone.json"), "-o", "json")
    assert (imported.code, json.loads(imported.out)["new"]) == (0, 1), imported.err
    change(desk)
    span = ("--from", "2000-01-01", "--to", "2100-01-01")
    filled = desk.call("backfill", str(desk.mapping), "-o", "json", *span).summary
    assert (filled["sent"], filled["suppressed"]) == (4, 1)


def test_the_hashes_of_another_state_are_refused(desk: Any) -> None:
    desk.fill(1)
    forget(desk, "--email", EVA)
    file = desk.folder / "gone.json"
    assert desk.call("forget", "--export", str(file)).code == 0
    desk.variables["SQUEEZELY_ETL_STATE"] = str(desk.folder / "other" / "state.sqlite")
    nothing = desk.call("forget", "--import", str(file))
    assert (nothing.code, "there is no state at " in nothing.err) == (8, True), nothing.err
    assert not (desk.folder / "other").exists(), "an import makes no state: a new one has a key of its own"
    forget(desk, "--email", "other@example.com")
    exported, before = file.read_bytes(), (desk.folder / "other" / "state.sqlite").read_bytes()
    for way in ("--import", "--export"):
        refused = desk.call("forget", way, str(file))
        assert (refused.code, "another key" in refused.err) == (8, True), refused.err
        assert "--state PATH-OR-URL" in refused.err or way == "--import"
    assert (desk.folder / "other" / "state.sqlite").read_bytes() == before
    assert file.read_bytes() == exported
    file.write_text("{}")
    assert [desk.call("forget", way, str(file)).code for way in ("--import", "--export")] == [2, 2]
    assert file.read_text() == "{}"


def test_an_export_never_loses_whom_the_file_names(desk: Any) -> None:
    """A state that was restored knows fewer than the file: the hint's command takes them over, and then it goes."""
    desk.fill(1)
    desk.run("--start-from", "beginning")
    shutil.copy(desk.state, desk.folder / "older.sqlite")
    forget(desk, "--email", EVA)
    file = desk.folder / "gone.json"
    assert [desk.call("forget", "--export", str(file)).code for _ in range(2)] == [0, 0]
    shutil.copy(desk.folder / "older.sqlite", desk.state)
    named = file.read_bytes()
    refused = desk.call("forget", "--export", str(file))
    assert refused.code == 8
    assert "names 1 suppressed that " in refused.err
    assert file.read_bytes() == named
    (line,) = (line for line in refused.err.splitlines() if line.startswith("hint: "))
    taken = desk.call(*shlex.split(line.partition(": squeezely-etl ")[2]))
    assert (taken.code, "1 are new" in " ".join(taken.out.split())) == (0, True), taken.err
    assert desk.call("forget", "--export", str(file)).code == 0


def test_an_export_where_there_is_no_state_leaves_the_file_as_it_is(desk: Any) -> None:
    """As typed in another folder: the state there names nobody, and the file of the right one would be lost."""
    file = desk.folder / "gone.json"
    file.write_text("of the right state")
    desk.variables["SQUEEZELY_ETL_STATE"] = str(desk.folder / "other" / "state.sqlite")
    refused = desk.call("forget", "--export", str(file))
    assert (refused.code, "/other/state.sqlite" in refused.err) == (8, True), refused.err
    assert file.read_text() == "of the right state"
    assert not (desk.folder / "other").exists()


def test_forgetting_survives_a_reset(desk: Any) -> None:
    desk.fill(3)
    forget(desk, "--email", EVA)
    assert desk.call("state", "reset", str(desk.mapping), "--yes").code == 0
    assert desk.run("--start-from", "beginning").summary["suppressed"] == 1


def test_a_run_under_way_sends_no_further_event_of_the_forgotten(desk_and_state: Any) -> None:
    """All was read and prepared already; the first request waits for its answer while `forget` comes."""
    desk = desk_and_state
    asked, may_answer = threading.Event(), threading.Event()

    def hold(_: Recorded) -> Behaviour | None:
        asked.set()
        may_answer.wait(60)
        return None

    with ScriptedServer(hold, credentials=CREDENTIALS) as server:
        desk.api_url = server.url
        desk.write_mapping(destination="  batch_size: 1\n  concurrency: 1")
        desk.fill(6)
        process = desk.start("run", str(desk.mapping), "-o", "json", "--start-from", "beginning")
        assert asked.wait(60)
        receipt = forget(desk, "--email", "person5@example.com")
        assert [one.split(",")[0] for one in receipt["under_way"]] == ["the run of people"]
        may_answer.set()
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        summary = json.loads(out)
        assert (summary["sent"], summary["suppressed"], summary["requests"]) == (5, 1, 5)
        assert [event["email"] for event in server.accepted] == [f"person{n}@example.com" for n in (1, 2, 3, 4, 6)]
        again = desk.run().summary
        assert (again["sent"], again["unsent"]) == (0, 0)


def test_a_forget_that_is_killed_anywhere_erased_nothing_or_suppressed_first(desk: Any, forked_cli: ForkedCli) -> None:
    """D1, E3: a ledger entry that went before its suppression would have the next run send the person as new."""
    desk.fill(len(FORGET))
    assert desk.run("--start-from", "beginning").code == 0
    for number, (name, stages) in enumerate(FORGET.items(), start=1):
        words = ("forget", str(desk.mapping), "--yes", "-o", "json", "--key", str(number))
        started = forked_cli.start(*words, environment=desk.environment(), folder=desk.folder, crash=stages)
        assert started.wait().code == -SIGKILL, name
        with sqlite3.connect(desk.state) as state:
            ((suppressed,),) = state.execute("SELECT count(*) FROM etl_suppression")
            ((entries,),) = state.execute("SELECT count(*) FROM etl_ledger")
        assert suppressed in (number - 1, number), name
        left = len(FORGET) - number
        assert entries == left + 1 or (entries == left and suppressed == number), name
        change(desk)
        nightly = desk.run().summary
        assert (nightly["suppressed"], nightly["sent"]) == (suppressed, len(FORGET) - suppressed), name
        receipt = json.loads(desk.call(*words).out)
        assert receipt["suppressed"]["new"] == number - suppressed, name
        assert desk.run("--full-refresh").summary["suppressed"] == number, name


def test_the_receipt_and_the_state_name_nobody(desk: Any) -> None:
    desk.fill(3)
    ended = desk.call("forget", str(desk.mapping), "--yes", "--email", EVA, "--userid", "u-4711", "-v")
    assert ended.code == 0, ended.err
    kept = b"".join(file.read_bytes() for file in desk.state.parent.rglob("*") if file.is_file())
    for secret in (EVA, "u-4711", sha256(EVA.encode()).hexdigest()):
        assert secret not in ended.out + ended.err
        assert secret.encode() not in kept


def test_what_goes_together_is_said(desk: Any) -> None:
    desk.fill(1)
    for wrong in (("--email", EVA), (), (str(desk.mapping),), (str(desk.mapping), "--email", EVA, "--export", "x")):
        ended = desk.call("forget", "--yes", *wrong)
        assert ended.code == 2, wrong
    ended = desk.call("forget", str(desk.mapping), "--email", "no address", "--yes")
    assert (ended.code, "no address" in ended.err) == (2, False)

"""The morning's question: where each mapping stands, how far it is behind, and whether a person has to look."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from etl.books import Books
from etl.commands.lag import ask_all
from etl.commands.standing import Lag, NoLag, standing_of
from etl.commands.worries import AllowedAges, worries_about
from etl.errors import SourceFailed
from etl.host.system_clock import SystemClock
from etl.page import Position
from etl.state.mapping_state import MappingState
from etl.state.store import open_state
from tests.state.filling import NOON, SteppingClock, letter


def change(office: Any, sql: str) -> None:
    with office.engine().begin() as connection:
        connection.execute(sa.text(sql))


def test_what_a_person_reads_at_nine(transcript: Any) -> None:
    """Nothing yet; a good night; rows that wait, dead letters, an unfinished backfill and a run under way."""
    office = transcript.office
    transcript.type("status")
    office.fill(200)
    transcript.type("status", "people.yaml")
    office.call("run", "people.yaml", "--start-from", "beginning")
    transcript.type("status", "people.yaml", "--check")
    office.fill(30, first=500, minutes=30)
    change(office, "UPDATE people SET email = 'nobody' WHERE id IN (7, 510)")
    office.call("backfill", "people.yaml", "--from", "2024-01-01", "--to", "2090-01-01", "--window", "1y")
    with open_state(str(office.state), clock=SystemClock(), write=True) as store:
        people = store.mapping("people")
        with people.lock("run"), people.lock("backfill"):
            transcript.type("status", "people.yaml", "--check", "--max-lag", "20m")
    transcript.type("status")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        office.database_url = f"postgresql://reader:word@127.0.0.1:{closed.getsockname()[1]}/shop"
        transcript.type("status", "people.yaml", "--history", "1")
    office.mapping.write_text(office.mapping.read_text().replace("${PEOPLE_URL}", "${NOT_SET}"))
    transcript.type("status", "people.yaml", "--history", "0")
    transcript.compare("status")


def test_the_keys_of_the_json_are_stable(office: Any) -> None:
    """The README lists them; every key is there, also when nothing is known."""
    office.fill(150)
    (office.folder / "other.yaml").write_text(office.mapping.read_text().replace("name: people", "name: other"))
    office.call("run", "people.yaml", "--start-from", "beginning")
    office.fill(5, first=300, minutes=10)
    ended = office.call("status", "people.yaml", "other.yaml", "-o", "json", "--history", "1")
    people, other = map(json.loads, ended.out.splitlines())
    keys = [
        *("mapping", "in_folder", "checkpoint", "lag", "forecast", "dead_letters", "acknowledged", "usual", "ledger"),
        *("in_doubt", "suppressed", "mapping_changed", "accepted_by_earlier", "differing"),
        *("full_refresh", "follows_clock", "holders", "backfills", "forgotten_run", "runs", "worries"),
    ]
    assert list(people) == list(other) == keys
    assert people["lag"].keys() == {"asked", "rows", "seconds", "oldest_at", "held", "problem"}
    assert (people["lag"]["asked"], people["lag"]["rows"], people["lag"]["held"]) == (True, 5, 0)
    assert 595 < people["lag"]["seconds"] < 700
    assert people["forecast"].keys() == {"seconds_by_rate", "seconds_by_last_runs"}
    assert people["holders"] == {"run": None, "backfill": None}
    assert (people["ledger"], people["runs"][0]["summary"]["sent"], people["worries"]) == (150, 150, [])
    assert (other["checkpoint"], other["lag"]["rows"], other["forecast"]["seconds_by_last_runs"]) == (None, 155, None)
    assert [worry["code"] for worry in other["worries"]] == ["never_done"]


def test_several_mappings_begin_with_who_needs_a_person(office: Any) -> None:
    office.fill(3)
    (office.folder / "other.yaml").write_text(office.mapping.read_text().replace("name: people", "name: other"))
    office.call("run", "people.yaml", "--start-from", "beginning")
    ended = office.call("status", "people.yaml", "other.yaml", "--check")
    assert (ended.code, ended.out.splitlines()[0]) == (3, "needs a person: other; all is well: people")


def test_the_password_of_a_states_url_is_not_shown(office: Any, postgresql_url: str) -> None:
    """F2."""
    url = sa.make_url(postgresql_url).set(password="secret-word").render_as_string(hide_password=False)
    ended = office.call("status", "--state", url)
    assert ended.out == "no mapping has run with the state of this URL yet\n"
    assert re.fullmatch(r"there is no state at postgresql://127\.0\.0\.1:\d+/\w+: is it the right one\?\n", ended.err)
    office.fill(3)
    ended = office.call("run", "people.yaml", "--state", url, "--start-from", "now")
    ended = office.call("state", "reset", "people.yaml", "--state", url, "--yes")
    assert ended.code == 0
    assert "secret-word" not in ended.out + ended.err


def test_without_a_cursor_there_is_nothing_to_be_behind(office: Any) -> None:
    office.mapping.write_text(office.mapping.read_text().replace("  cursor_field: updated_at\n", ""))
    office.fill(12)
    office.call("run", "people.yaml", "--start-from", "beginning")
    assert "no cursor: each run reads all 12 rows" in office.call("status", "people.yaml", "--max-lag", "1s").out


@pytest.mark.parametrize("which", ["postgresql", "mariadb"])
def test_the_lag_is_asked_of_servers_too(make_office: Any, request: pytest.FixtureRequest, which: str) -> None:
    office = make_office(request.getfixturevalue(f"{which}_url"))
    office.fill(40)
    office.call("run", "people.yaml", "--start-from", "beginning")
    office.fill(3, first=300, minutes=10)
    (found,) = map(json.loads, office.call("status", "people.yaml", "-o", "json").out.splitlines())
    assert (found["lag"]["rows"], found["lag"]["held"], found["lag"]["problem"]) == (3, 0, None)
    assert 595 < found["lag"]["seconds"] < 700


def test_a_database_that_never_answers_keeps_nobody_waiting() -> None:
    """Whatever its driver does: the others are answered, and this one is said to be silent."""
    never = threading.Event()
    known = Lag(1, 0, None, None, every_row=False, fingerprint={})

    def silent() -> Lag:
        never.wait(60)
        return known

    def refused() -> Lag:
        raise SourceFailed("no such host")

    answers = ask_all(
        {"silent": silent, "known": lambda: known, "refused": refused}, clock=SystemClock(), patience_seconds=0.3
    )
    never.set()
    late = NoLag("the database did not answer within 0 seconds")
    assert answers == {"silent": late, "known": known, "refused": NoLag("no such host")}


def test_a_lag_limit_needs_somebody_to_ask(office: Any) -> None:
    assert office.said("status", "--max-lag", "1h") == (
        "exit code 2\n--- stderr\nerror: --max-lag needs mapping files\nhint: the lag is asked of their databases\n"
    )


def test_another_source_and_an_older_state_need_a_person(office: Any) -> None:
    """D11, D15, D16. The numbers of deleted rows are given out again."""
    office.mapping.write_text(office.mapping.read_text().replace("cursor_field: updated_at", "cursor_field: id"))
    office.fill(30)
    office.call("run", "people.yaml", "--start-from", "beginning")
    shutil.copy(office.state, "backup")
    office.fill(10, first=300, minutes=10)
    office.call("run", "people.yaml")
    shutil.copy("backup", office.state)
    assert codes(office) == ["forgotten_run"]
    change(office, "DELETE FROM people WHERE id > 5")
    assert codes(office) == ["table_went_back", "forgotten_run"]
    office.mapping.write_text(office.mapping.read_text().replace("${ACCOUNT}", "shop-2"))
    assert codes(office) == ["other_source", "table_went_back", "forgotten_run"]


def codes(office: Any, *options: str) -> list[str]:
    ended = office.call("status", "people.yaml", "--check", "-o", "json", *options)
    found = [worry["code"] for worry in json.loads(ended.out)["worries"]]
    assert ended.code == (3 if found else 0)
    return found


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def state(tmp_path: Path, clock: SteppingClock) -> Any:
    with open_state(str(tmp_path / "state.sqlite"), clock=clock, write=True) as store:
        yield store.mapping("people")


def worried(state: MappingState, lag: Lag | NoLag | None = None, max_lag: timedelta | None = None) -> list[str]:
    standing = standing_of(state, lag=lag)
    patience = AllowedAges(timedelta(hours=26), max_lag)
    return [worry.code for worry in worries_about(standing, patience=patience, now=state._clock.utc_now())]


def ended(state: MappingState, outcome: str, exit_code: int, command: str = "run") -> None:
    run_no = state.start_run(run_id=f"{command}{exit_code}", command=command, before=None)
    state.finish_run(run_no, {"outcome": outcome, "exit_code": exit_code, "error": "why", "sent": 0})


def test_each_ending_of_a_night_worries_or_not(state: MappingState, clock: SteppingClock) -> None:
    assert worried(state) == ["never_done"]
    ended(state, "done", 0)
    assert worried(state) == []
    ended(state, "stopped", 6)
    assert worried(state) == [], "the next run goes on by itself"
    ended(state, "stopped", 3)
    assert worried(state) == ["too_many_failures"], "the next run would stop at the same rows"
    ended(state, "failed", 5)
    assert worried(state) == ["last_run_failed"]
    with state.lock("run"):
        state.start_run(run_id="x", command="run", before=None)
        assert worried(state) == [], "it is under way"
    assert worried(state) == ["last_run_died"]
    ended(state, "done", 0)
    ended(state, "failed", 4, "backfill")
    assert worried(state) == [], "the person who called the backfill was told"
    clock.move(hours=27)
    assert worried(state) == ["too_old"]
    ended(state, "done", 0)
    state.bury([letter((1,))])
    assert worried(state) == ["dead_letters"]


@pytest.mark.parametrize(("count", "found"), [(3, ["omitted_fields"]), (2, [])])
def test_a_field_left_out_of_more_than_a_fifth_of_the_events_worries(
    state: MappingState, *, count: int, found: list[str]
) -> None:
    """12 read, 2 of them invalid: a fifth of the events are 2."""
    run_no = state.start_run(run_id="r", command="run", before=None)
    omitted = {"phone": {"invalid_phone": count - 1, "too_long": 1}}
    summary = {"outcome": "done", "exit_code": 0, "read": 12, "invalid": 2, "sent": 10, "omitted": omitted}
    state.finish_run(run_no, summary)
    assert worried(state) == found


def test_rows_that_could_not_be_counted_are_no_reason_to_call_it_well(state: MappingState) -> None:
    books = Books()
    books.put_held(None)
    books.put_beside("null_cursor", None)
    assert (books.as_dict()["held"], books.as_dict()["uncounted"]) == (None, ["held", "null_cursor"])
    run_no = state.start_run(run_id="r", command="run", before=None)
    state.finish_run(run_no, {"outcome": "done", "exit_code": 0, **books.as_dict()})
    assert worried(state) == ["rows_without_cursor"]


def test_a_row_that_waits_too_long_worries_when_somebody_set_a_limit(state: MappingState) -> None:
    ended(state, "done", 0)
    state.set_checkpoint("run", Position(1, (1,)))

    def lag(seconds: float | None, rows: int = 4) -> Lag:
        return Lag(rows, 0, NOON, seconds, every_row=False, fingerprint={})

    hour = timedelta(hours=1)
    assert worried(state, lag(9_999.0)) == []
    assert worried(state, lag(3_600.0), hour) == []
    assert worried(state, lag(3_601.0), hour) == ["lag"]
    assert worried(state, lag(None), hour) == ["lag_unknown"]
    assert worried(state, lag(None, rows=0), hour) == []
    assert worried(state, NoLag("it is down"), hour) == ["lag_unknown"]
    assert worried(state, NoLag("it is down")) == []

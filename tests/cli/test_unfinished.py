"""What a person is told of work that has a beginning and no end yet: doubts, a full refresh, a second first run."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from etl.event.key_hash import KeyHasher
from etl.host.system_clock import SystemClock
from etl.state.store import open_state


def doubted(office: Any, number: int) -> None:
    """As a run leaves it that died while a changed event of the row was on its way."""
    with open_state(str(office.state), clock=SystemClock(), write=True) as store:
        people = store.mapping("people")
        people.start_run(run_id="killed", command="run", before=None)
        people.doubt([KeyHasher(people.hash_key).ledger_key((number,))], stamp=people.next_stamp())


def test_a_row_in_doubt_is_told_by_status_and_explain_until_it_is_sent_again(office: Any) -> None:
    office.fill(20)
    office.call("run", "people.yaml", "--start-from", "beginning")
    assert "in doubt" not in office.said("status", "people.yaml")
    doubted(office, 7)
    assert " 1 row: sent again when read, whatever they hold" in office.said("status", "people.yaml")
    story = office.said("explain", "people.yaml", "7")
    assert "in doubt" in story
    told = json.loads(office.call("explain", "people.yaml", "7", "-o", "json").out)
    assert (told["in_doubt"], told["decision"]) == (True, "in doubt")
    # Nothing changed at the source: the row lies within the lookback, and is sent because it is in doubt.
    books = json.loads(office.call("run", "people.yaml", "-o", "json").out)
    assert (books["sent"], books["unchanged"]) == (1, 19)
    assert "in doubt" not in office.said("status", "people.yaml") + office.said("explain", "people.yaml", "7")


def test_a_full_refresh_that_a_limit_cut_is_told_by_status_and_finished_by_the_next_run(office: Any) -> None:
    office.fill(30)
    office.call("run", "people.yaml", "--start-from", "beginning")
    first = json.loads(office.call("run", "people.yaml", "--full-refresh", "--limit", "10", "-o", "json").out)
    assert first["sent"] == 10
    assert "full refresh   not complete, begun " in office.said("status", "people.yaml")
    told = json.loads(office.call("status", "people.yaml", "-o", "json").out)
    assert told["full_refresh"].keys() == {"begun_at"}
    second = json.loads(office.call("run", "people.yaml", "-o", "json").out)
    assert (second["sent"], second["unchanged"]) == (20, 10)
    assert "full refresh" not in office.said("status", "people.yaml")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--full-refresh",), "this run goes on with it: what it has sent already is not sent again"),
        (("--start-from", "now", "--yes"), "the rows that --start-from passes over are not sent again by it"),
    ],
)
def test_what_becomes_of_an_unfinished_full_refresh_is_told(office: Any, option: tuple[str, ...], words: str) -> None:
    """Who asks for another one, because the account was emptied, would believe that all is sent."""
    office.fill(30)
    office.call("run", "people.yaml", "--start-from", "beginning")
    first = office.call("run", "people.yaml", "--full-refresh", "--limit", "10")
    assert "a full refresh was not complete" not in first.err
    ended = office.call("run", "people.yaml", *option)
    assert ended.code == 0
    assert words in ended.err
    assert "a full refresh was not complete" not in office.call("run", "people.yaml").err


def test_what_a_moved_checkpoint_sends_during_a_full_refresh_is_told(office: Any) -> None:
    office.fill(30)
    office.call("run", "people.yaml", "--start-from", "beginning")
    office.call("run", "people.yaml", "--full-refresh", "--limit", "10")
    told = office.call("state", "set", "people.yaml", "2000-01-01T00:00:00", "--yes")
    assert told.code == 0, told.err
    said = " ".join((told.out + told.err).split())
    assert "reads 30 rows; those that the unfinished full refresh did not send yet are sent, changed or not" in said
    assert json.loads(office.call("run", "people.yaml", "-o", "json").out)["sent"] == 20


def test_a_second_first_run_is_refused_unless_a_person_insists(office: Any) -> None:
    """`--start-from now`, left in a crontab, skipped what waited each night, with exit 0."""
    office.fill(10)
    office.call("run", "people.yaml", "--start-from", "now")
    # The table counts whole seconds.
    time.sleep(1.1)
    office.fill(3, first=300, minutes=0)
    refused = office.call("run", "people.yaml", "--start-from", "now")
    assert refused.code == 8
    assert "people: there is a checkpoint already, and --start-from is for a first run" in refused.err
    assert "hint: leave --start-from out: the run goes on from the checkpoint" in refused.err
    assert json.loads(office.call("run", "people.yaml", "-o", "json").out)["sent"] == 3
    skipped = office.call("run", "people.yaml", "--start-from", "now", "--yes", "-o", "json")
    assert (skipped.code, json.loads(skipped.out)["read"]) == (0, 0)


def test_where_to_begin_may_be_said_anew_while_nothing_was_accepted(office: Any) -> None:
    """*none: the next run reads everything* stood beside *there is a checkpoint already*."""
    office.fill(10)
    with office.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE people SET email = 'nobody'")
    first = office.call("run", "people.yaml", "--start-from", "beginning", columns=120)
    assert first.code == 3
    assert "  checkpoint     none: the next run reads everything, from the beginning\n" in first.out
    with office.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE people SET email = 'person' || id || '@example.com'")
    for _ in range(2):
        again = office.call("run", "people.yaml", "--start-from", "beginning", "--dry-run")
        assert again.code == 0, again.err
    assert office.call("run", "people.yaml", "--start-from", "2000-01-01").code == 0
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 8


def test_a_first_run_that_found_nothing_is_done(office: Any) -> None:
    """`--start-from now` in a crontab, above an empty table: what comes later is not passed over."""
    office.fill(3)
    with office.engine().begin() as connection:
        connection.exec_driver_sql("DELETE FROM people")
    assert office.call("run", "people.yaml", "--start-from", "now").code == 0
    office.fill(3)
    assert office.call("run", "people.yaml", "--start-from", "now").code == 8


@pytest.mark.parametrize(
    ("start", "words"),
    [("beginning", "everything, from the beginning"), ("2030-01-02", "from 2030-01-02 00:00:00 on")],
)
def test_a_summary_without_a_checkpoint_says_what_the_next_run_reads(office: Any, start: str, words: str) -> None:
    """*none → the beginning* did not tell whether the next run begins again."""
    office.fill(3)
    if start == "beginning":
        with office.engine().begin() as connection:
            connection.exec_driver_sql("DELETE FROM people")
    said = office.call("run", "people.yaml", "--start-from", start, columns=120).out
    assert f"  checkpoint     none: the next run reads {words}\n" in said
    assert f"  checkpoint     none: the next run reads {words}\n" in office.call("run", "people.yaml", columns=120).out

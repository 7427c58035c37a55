"""Guards look before anything leaves: what is too unusual is not sent, and everything waits for a person."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from etl.books import Books
from etl.errors import GuardTripped, Interrupted
from etl.job.guards import tripped_guards, usual_sent
from etl.job.run import RunContext
from etl.job.start import RunLimits
from etl.mapping.guards import Guards
from tests.job.in_process import InProcess
from tests.source.tables import insert, run_sql

FIELDS = "userid: {column: id, type: text}, firstname: name, custom_points: points"
MakeJob = Callable[..., InProcess]


class People:
    """A table of people, and the job that sends them; `now` is the cursor of the next change."""

    def __init__(self, folder: Path, make_job: MakeJob, *, guards: str, source: str = "", fields: str = FIELDS) -> None:
        self.url = f"sqlite:///{folder}/people.sqlite"
        run_sql(self.url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, name TEXT, points INTEGER, shoe TEXT)")
        self.now = 0
        source = source or "table: t, primary_key: id, cursor_field: at"
        self.job = make_job(self.url, source=source, fields=fields, top=f"guards: {{{guards}}}")

    def add(self, ids: Iterable[int]) -> None:
        """New people."""
        self.now += 1
        rows = [{"id": one, "at": self.now, "name": "eva", "points": one} for one in ids]
        insert(self.url, "t", rows)

    def update(self, what: str, where: str = "true") -> None:
        """Change people at one moment."""
        self.now += 1
        run_sql(self.url, f"UPDATE t SET {what}, at = {self.now} WHERE {where}")

    def usual_nights(self, count: int, each: int = 4) -> None:
        """A first night that sends `each` new people, and more such nights."""
        for night in range(count):
            self.add(range(night * each, (night + 1) * each))
            assert self.job.run(None if night else "beginning").books.sent == each


@pytest.fixture
def make_people(tmp_path: Path, make_job: MakeJob) -> Callable[..., People]:
    return lambda **options: People(tmp_path, make_job, **options)


def test_more_events_than_a_mapping_allows_wait_for_a_person(make_people: Callable[..., People]) -> None:
    """Nothing leaves, no dead letter is opened, nothing is remembered of the beginning; then a person decides."""
    people = make_people(guards="max_events: 3", fields=f"{FIELDS}, email: name")
    people.add(range(5))
    run_sql(people.url, "UPDATE t SET name = 'eva@example.com' WHERE id < 4")
    stopped = people.job.run("beginning")
    assert isinstance(stopped.error, GuardTripped)
    assert (stopped.exit_code, stopped.outcome, stopped.checkpoint) == (9, "stopped", None)
    assert (stopped.books.read, stopped.books.invalid, stopped.books.unsent, stopped.books.sent) == (5, 1, 4, 0)
    assert stopped.error.message == ("nothing was sent: it would send 4 events, more than 3 (guards.max_events)")
    assert stopped.error.again == ("--start-from", "beginning")
    assert stopped.forecast is not None
    assert (stopped.forecast.events, [guard.name for guard in stopped.forecast.guards]) == (4, ["max_events"])
    assert (people.job.sent(), people.job.dead_letters()) == ([], {})
    with people.job.state() as state:
        assert [run.exit_code for run in state.runs()] == [9]
    ended = people.job.run("beginning", ignore_guards=True)
    assert (ended.exit_code, ended.books.sent, ended.books.new, ended.forecast) == (3, 4, 4, None)


def test_as_many_events_as_allowed_go_out(make_people: Callable[..., People]) -> None:
    people = make_people(guards="max_events: 3")
    people.add(range(3))
    assert people.job.run("beginning").books.sent == 3


@pytest.mark.parametrize(("nights", "more", "code"), [(4, 1000, 0), (5, 40, 0), (5, 41, 9)])
def test_what_is_usual_is_the_median_from_five_runs_on(
    make_people: Callable[..., People], nights: int, more: int, code: int
) -> None:
    people = make_people(guards="max_times_usual: 10")
    people.usual_nights(nights)
    people.add(range(100, 100 + more))
    ended = people.job.run()
    assert (ended.exit_code, ended.books.sent) == (code, 0 if code else more)
    if ended.error is not None:
        assert "it would send 41 events, 10 times the usual 4 (guards.max_times_usual)" in ended.error.message


def test_the_median_is_of_the_last_fourteen_runs_and_not_of_single_rows_sent_by_hand() -> None:
    assert usual_sent([{"sent": 7}] * 4) is None
    assert usual_sent([{"sent": 2}] * 8 + [{"sent": 1000}] * 20) == 2


def test_a_quiet_table_may_send_a_whole_request_at_once(make_people: Callable[..., People]) -> None:
    """Most runs send nothing: then a handful is nothing unusual, and a flood is."""
    people = make_people(guards="max_times_usual: 10")
    people.usual_nights(1)
    for _ in range(7):
        assert people.job.run().books.sent == 0
    people.add(range(100, 200))
    assert people.job.run().books.sent == 100
    people.add(range(200, 301))
    stopped = people.job.run()
    assert stopped.exit_code == 9
    assert "101 events; usually it sends none" in str(stopped.error)


def test_a_bad_update_is_seen_in_what_the_ledger_knows(make_people: Callable[..., People]) -> None:
    """Re-stamped rows are harmless; the same rows with another content are not."""
    people = make_people(guards="max_changed: 50%")
    people.usual_nights(2)
    people.update("name = name")
    assert (people.job.run().books.unchanged, people.job.taken()[8:]) == (8, [])
    people.update("name = 'x'", "id < 5")
    stopped = people.job.run()
    assert (stopped.exit_code, people.job.sent()) == (9, [])
    assert "5 of 8 rows that were sent before would change (guards.max_changed)" in str(stopped.error)
    people.update("name = 'eva'", "id < 1")
    ended = people.job.run()
    assert (ended.exit_code, ended.books.changed, dict(ended.books.changed_fields)) == (0, 4, {"firstname": 4})


@pytest.mark.parametrize("cursor", [True, False])
def test_a_source_that_lost_its_rows_stops_the_run(make_people: Callable[..., People], *, cursor: bool) -> None:
    """With a cursor against the ledger; without one against the last reading of all rows, though one was limited."""
    people = make_people(
        guards="max_source_drop: 20%",
        source=f"table: t, primary_key: id{', cursor_field: at' if cursor else ''}",
        fields="userid: {column: id, type: text}",
    )
    people.add(range(10))
    assert people.job.run("beginning").books.sent == 10
    assert people.job.run(limits=RunLimits(rows=2)).exit_code == 0
    run_sql(people.url, "DELETE FROM t WHERE id < 2")
    assert people.job.run().exit_code == 0
    run_sql(people.url, "DELETE FROM t WHERE id < 4")
    stopped = people.job.run()
    if cursor:
        words = "the source has 6 rows, instead of the 10 that the ledger knows"
        assert (stopped.exit_code, words in str(stopped.error)) == (9, True)
    else:
        # 6 of the 8 rows that the last run read.
        words = "the source has 6 rows, instead of the 8 of the last run"
        assert (stopped.exit_code, words in str(stopped.error)) == (9, True)
    assert people.job.run(ignore_guards=True).exit_code == 0


def test_a_deletion_that_a_person_confirmed_is_what_later_runs_compare_with(make_people: Callable[..., People]) -> None:
    """Once is enough, whatever comes after it: quiet nights, limited runs, new rows; the next loss is seen."""
    people = make_people(guards="max_source_drop: 20%", fields="userid: {column: id, type: text}")
    people.add(range(10))
    assert people.job.run("beginning").books.sent == 10
    run_sql(people.url, "DELETE FROM t WHERE id < 5")
    assert [people.job.run().exit_code for _ in range(2)] == [9, 9]
    assert people.job.run(ignore_guards=True).as_dict()["rows_gone"] == 5
    for night in range(20):
        assert people.job.run(limits=RunLimits(rows=1) if night % 2 else RunLimits()).exit_code == 0
    people.add(range(20, 25))
    assert (people.job.run().books.sent, people.job.forecast().forecast.guards) == (5, ())
    run_sql(people.url, "DELETE FROM t WHERE id < 8")
    stopped = people.job.run()
    words = "7 rows, instead of the 10 that the ledger knows, without the 5 that were gone when guards were ignored"
    assert (stopped.exit_code, words in str(stopped.error)) == (9, True)
    assert people.job.run(ignore_guards=True, full_refresh=True).exit_code == 0
    assert [people.job.run(full_refresh=True).exit_code, people.job.run().exit_code] == [0, 0]
    with people.job.state(write=True) as state:
        state.reset()
    assert "rows_gone" not in people.job.run("beginning").as_dict(), "the ledger begins anew"


@pytest.mark.parametrize("guard", ["max_changed", "max_source_drop"])
def test_a_guard_that_cannot_be_evaluated_trips(make_people: Callable[..., People], guard: str) -> None:
    """A mapping that asks for it is refused already; nothing behind that check lets it pass."""
    people = make_people(guards="max_events: 3")

    def look(context: RunContext) -> list[str]:
        mapping = context.mapping.model_copy(update={"resend": "always", "guards": Guards(**{guard: 0.5})})
        found = tripped_guards(dataclasses.replace(context, mapping=mapping), Books(), events=0, limited=False)
        return [f"{one.name} {one.words}" for one in found]

    assert people.job.do(look) == [f"{guard} it cannot be evaluated without a ledger"]  # type: ignore[arg-type]


def test_a_dry_run_names_the_guards_that_would_trip(make_people: Callable[..., People]) -> None:
    people = make_people(guards="max_events: 3, max_changed: 10%")
    people.add(range(3))
    assert people.job.run("beginning").exit_code == 0
    people.add(range(10, 15))
    people.update("name = 'x'", "id = 1")
    dry = people.job.forecast()
    assert dry.forecast is not None
    assert (dry.exit_code, [guard.name for guard in dry.forecast.guards]) == (0, ["max_events", "max_changed"])
    assert (dry.books.new, dry.books.changed, dict(dry.books.changed_fields)) == (5, 1, {"firstname": 1})
    again = people.job.forecast(ignore_guards=True)
    assert again.forecast is not None
    assert again.forecast.guards == ()


def test_what_changes_after_the_look_is_left_for_the_next_run(make_people: Callable[..., People]) -> None:
    """What was looked at is what is sent: both end at one bound."""
    people = make_people(guards="max_events: 3", source="table: t, primary_key: id, cursor_field: at, settle: 1")
    people.add(range(3))
    people.now += 1
    insert(people.url, "t", [{"id": 900, "at": 50, "name": "late", "points": 1}])

    def meanwhile(_: Books) -> None:
        run_sql(people.url, "INSERT OR IGNORE INTO t VALUES (901, 60, 'later', 1, NULL), (902, 61, 'later', 1, NULL)")

    ended = people.job.run("beginning", looking=meanwhile)
    assert (ended.exit_code, sorted(people.job.taken())) == (0, ["0", "1", "2"])
    assert sorted(people.job.run().error is None and people.job.taken()) == ["900", "901"]


@pytest.mark.parametrize("end", ["signal", "time"])
def test_a_look_can_be_stopped(make_people: Callable[..., People], end: str) -> None:
    people = make_people(guards="max_events: 3")
    people.add(range(3))

    def signalled(_: Books) -> None:
        raise Interrupted("stopped by a signal; the checkpoint is saved", signal_number=15)

    stopped = (
        people.job.run("beginning", looking=signalled)
        if end == "signal"
        else people.job.run("beginning", limits=RunLimits(deadline=0.0))
    )
    assert (stopped.exit_code, people.job.sent()) == (143 if end == "signal" else 6, [])
    assert people.job.run("beginning").books.sent == 3


def test_five_nights(tmp_path: Path, make_job: MakeJob) -> None:
    """A usual one, a bad UPDATE, a changed mapping, a first run, half a source: two wait for a person."""
    guards = "max_events: 1000, max_times_usual: 10, max_changed: 50%, max_source_drop: 20%"
    people = People(tmp_path, make_job, guards=guards)
    job = people.job
    people.usual_nights(6, each=40)
    job.taken()
    # The second: an UPDATE without its WHERE, mended in the morning.
    people.update("points = 0")
    stopped = job.run()
    assert isinstance(stopped.error, GuardTripped)
    assert "239 of 240 rows that were sent before would change" in stopped.error.message
    people.update("points = id")
    mended = job.run()
    assert (mended.exit_code, mended.books.unchanged, job.taken()) == (0, 240, [])
    # The third: a field more, of which few rows have a value.
    job.sections["fields"] = f"{FIELDS}, custom_shoe: shoe"
    people.update("shoe = '43'", "id < 21")
    changed = job.run()
    assert (changed.exit_code, dict(changed.books.changed_fields)) == (0, {"custom_shoe": 21})
    # The fourth: another mapping begins with all that there is.
    job.sections["name"] = "first"
    job.taken()
    assert (job.run("beginning").exit_code, len(job.taken())) == (0, 240)
    # The fifth.
    job.sections["name"] = "t"
    run_sql(people.url, "DELETE FROM t WHERE id % 2 = 1 AND id < 239")
    people.update("points = 1", "id = 2")
    lost = job.run()
    assert isinstance(lost.error, GuardTripped)
    assert "the source has 121 rows, instead of the 240 that the ledger knows" in lost.error.message
    assert job.taken() == []

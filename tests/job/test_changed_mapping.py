"""A mapping that changed says so, names what changed, and `backfill` without a range sends what differs by now."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from etl.errors import UsageProblem
from etl.job.forecast import rows_that_differ
from etl.job.outcome import Outcome
from etl.job.start import RunLimits
from etl.mapping.change import MappingChange, compared
from etl.mapping.load import parse_mapping
from etl.mapping.mapped import mapped_parts
from tests.job.in_process import InProcess
from tests.source.tables import insert, run_sql

FIELDS = "userid: {column: id, type: text}, firstname: name"
MAPPING = """\
version: 1
source: {{url: "sqlite:///context.db", table: t, primary_key: id, where: "{where}"}}
event: {event}
fields: {{userid: {{column: id}}, firstname: {{column: name, transform: [{step}]}}, {fields}}}
steps: steps.py
{top}
destination: {{account: a, api_key: "${{KEY}}", {destination}}}
"""
PARTS = {"where": "true", "event": "X", "step": "shout", "fields": "custom_a: a", "top": "", "destination": ""}


def parts_of(steps: str = "", **parts: str) -> dict[str, str]:
    """The parts of a mapping; its own step returns what it gets, unless `steps` says otherwise."""
    steps = steps or "def shout(values):\n    return values\n"
    mapping = parse_mapping(
        MAPPING.format(**PARTS | parts).encode(),
        path=Path("context.yaml"),
        environment={"KEY": "k"},
        read_file=lambda _: steps.encode(),
    )
    return mapped_parts(mapping)


@pytest.mark.parametrize(
    ("parts", "added", "removed", "changed"),
    [
        ({"fields": "custom_a: a, custom_b: b"}, ("custom_b",), (), ()),
        ({"fields": "custom_b: b"}, ("custom_b",), ("custom_a",), ()),
        ({"step": "strip"}, (), (), ("firstname",)),
        ({"steps": "def shout(values):\n    return values.str.upper()\n"}, (), (), ("firstname",)),
        ({"event": "Y"}, (), (), ("event",)),
        ({"where": "id > 1"}, (), (), ("source.where",)),
        ({"top": "on_invalid: reject"}, ("on_invalid",), (), ()),
        ({"top": "resend_ignores: [custom_a]"}, ("resend_ignores",), (), ()),
        ({"top": "products: {fields: {id: sku}}"}, ("products",), (), ()),
    ],
)
def test_what_makes_other_events_of_rows_is_a_change(
    parts: dict[str, str], added: tuple[str, ...], removed: tuple[str, ...], changed: tuple[str, ...]
) -> None:
    assert compared(parts_of(), parts_of(**parts)) == MappingChange(added, removed, changed)


def test_in_which_order_fields_are_ignored_is_no_change() -> None:
    one, other = ("resend_ignores: [custom_a, firstname]", "resend_ignores: [firstname, custom_a]")
    assert compared(parts_of(top=one), parts_of(top=other)) is None
    assert compared(parts_of(top="resend: always"), parts_of(top=f"resend: always\n{one}")) is None


def test_how_fast_and_what_stops_is_no_change() -> None:
    other = parts_of(destination="batch_size: 7", top="max_failure_rate: 1%\nguards: {max_events: 3}")
    assert compared(parts_of(), other) is None


def make_table(url: str, rows: int = 12) -> None:
    run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, name VARCHAR(9), shoe VARCHAR(9))")
    insert(url, "t", [{"id": n, "at": n, "name": "eva", "shoe": "43" if n % 3 == 0 else None} for n in range(rows)])


def event(userid: str, firstname: str, shoe: str | None = None) -> dict[str, str]:
    """The event of a row, as `FIELDS` and `custom_shoe: shoe` make it."""
    custom = {} if shoe is None else {"custom_shoe": shoe}
    return {"event": "PersonUpdated", "userid": userid, "firstname": firstname, **custom}


def differing(job: InProcess) -> Outcome:
    """The number of rows that differ, for `InProcess.do`."""
    return job.do(rows_that_differ)  # type: ignore[arg-type]


@pytest.mark.parametrize("cursor", [True, False])
def test_a_new_field_reaches_the_rows_that_have_it(database_url: str, make_job: Any, *, cursor: bool) -> None:
    """The run and the dry run say that the mapping changed; a backfill of everything sends the difference, once."""
    make_table(database_url)
    source = f"table: t, primary_key: id{', cursor_field: at' if cursor else ''}"
    job = make_job(database_url, source=source, fields=FIELDS)
    assert job.run("beginning").mapping_change is None
    assert job.run().mapping_change is None
    job.sections["fields"] = f"{FIELDS}, custom_shoe: shoe"
    job.taken()
    change = MappingChange(("custom_shoe",), (), ())
    dry = job.forecast()
    assert dry.mapping_change == change
    assert dry.as_dict()["mapping_changed"] == {"added": ["custom_shoe"], "removed": [], "changed": [], "rows": None}
    assert differing(job) == 4
    if cursor:
        assert job.run(limits=RunLimits(rows=1)).mapping_change == change
        assert job.taken() == []
    everything = job.forecast_backfill()
    assert everything.forecast is not None
    # With a cursor the run of before was done, and took the mapping as it is now.
    assert (everything.books.changed, everything.forecast.by_mapping) == (4, 0 if cursor else 4)
    ended = job.backfill()
    assert (ended.exit_code, ended.books.changed, dict(ended.books.changed_fields)) == (0, 4, {"custom_shoe": 4})
    assert sorted(job.taken()) == ["0", "3", "6", "9"]
    assert (job.backfill().books.unchanged, job.run().mapping_change, job.taken()) == (12, None, [])
    assert differing(job) == 0


def earlier(job: InProcess) -> MappingChange | None:
    """What `status` says of rows that were accepted by an earlier mapping."""
    return job.do(lambda context: context.state.mapped.earlier(mapped_parts(context.mapping)))


def test_rows_of_an_earlier_mapping_are_told_until_all_were_looked_at(database_url: str, make_job: Any) -> None:
    make_table(database_url)
    job = make_job(database_url, source="table: t, primary_key: id, cursor_field: at", fields=FIELDS)
    with_shoe, with_both = f"{FIELDS}, custom_shoe: shoe", f"{FIELDS}, custom_shoe: shoe, custom_at: at"
    assert earlier(job) is None
    job.run("beginning", limits=RunLimits(rows=5))
    assert earlier(job) is None
    job.sections["fields"] = with_shoe
    added = MappingChange(("custom_shoe",), (), ())
    assert earlier(job) == added
    job.run()
    assert (job.run().mapping_change, earlier(job)) == (None, added), "five rows are of before"
    job.sections["fields"] = FIELDS
    assert earlier(job) == MappingChange((), ("custom_shoe",), ()), "the others are of after, also when it is undone"
    job.sections["fields"] = with_both
    job.backfill(limits=RunLimits(rows=3))
    assert earlier(job) == MappingChange(("custom_shoe", "custom_at"), (), ())
    job.backfill()
    assert earlier(job) is not None, "one that goes on may have begun with another mapping"
    job.backfill()
    assert earlier(job) is None
    job.sections["fields"] = FIELDS
    job.run()
    assert earlier(job) is not None
    job.run(full_refresh=True, limits=RunLimits(rows=3))
    assert earlier(job) is None, "what was accepted before counts for nothing"
    job.sections["fields"] = with_shoe
    job.run()
    assert earlier(job) == added, "the first rows of the refresh are of before"


def test_a_run_that_reads_all_rows_leaves_none_of_an_earlier_mapping(database_url: str, make_job: Any) -> None:
    make_table(database_url)
    job = make_job(database_url, source="table: t, primary_key: id", fields=FIELDS)
    job.run("beginning")
    job.sections["fields"] = f"{FIELDS}, custom_shoe: shoe"
    job.run(limits=RunLimits(deadline=0.0))
    assert earlier(job) == MappingChange(("custom_shoe",), (), ())
    job.run()
    assert earlier(job) is None


def test_a_state_of_before_knows_what_the_last_run_mapped(tmp_path: Path, make_job: Any) -> None:
    url = f"sqlite:///{tmp_path}/context.sqlite"
    make_table(url)
    job = make_job(url, source="table: t, primary_key: id, cursor_field: at", fields=FIELDS)
    job.run("beginning")
    run_sql(f"sqlite:///{tmp_path}/etl/state.sqlite", "UPDATE etl_mapping SET accepted_by = NULL")
    assert earlier(job) is None
    job.sections["fields"] = "userid: {column: id, type: text}"
    assert earlier(job) == MappingChange((), ("firstname",), ())


def test_rows_that_change_for_another_reason_are_told_apart(database_url: str, make_job: Any) -> None:
    make_table(database_url)
    job = make_job(database_url, source="table: t, primary_key: id", fields=FIELDS)
    job.run("beginning")
    job.sections["fields"] = f"{FIELDS}, custom_shoe: shoe"
    run_sql(database_url, "UPDATE t SET name = 'ann' WHERE id in (0, 1)")
    dry = job.forecast()
    assert (dry.books.changed, dry.forecast.by_mapping) == (5, 3)
    assert dict(dry.books.changed_fields) == {"custom_shoe": 4, "firstname": 2}
    insert(database_url, "t", [{"id": 20, "at": 20, "name": "new", "shoe": None}])
    shown = job.forecast().forecast.example_events(mask=False)
    assert shown == {
        "changed": [
            {"key": '[["int","0"]]', "fields": ["firstname", "custom_shoe"], "event": event("0", "ann", "43")},
            {"key": '[["int","1"]]', "fields": ["firstname"], "event": event("1", "ann")},
            {"key": '[["int","3"]]', "fields": ["custom_shoe"], "event": event("3", "eva", "43")},
        ],
        "new": [{"key": '[["int","20"]]', "event": event("20", "new")}],
    }


@pytest.mark.parametrize("cursor", [True, False])
def test_other_fields_to_ignore_are_told_as_what_sends_each_row_again(
    tmp_path: Path, make_job: Any, *, cursor: bool
) -> None:
    url = f"sqlite:///{tmp_path}/context.sqlite"
    make_table(url)
    job = make_job(url, source=f"table: t, primary_key: id{', cursor_field: at' if cursor else ''}", fields=FIELDS)
    job.run("beginning")
    job.sections["top"] = "resend_ignores: [firstname]"
    dry, change = job.forecast_backfill(), MappingChange(("resend_ignores",), (), ())
    assert (dry.mapping_change, dry.books.changed, dry.forecast.by_mapping) == (change, 12, 12)
    assert (differing(job), earlier(job), job.forecast().mapping_change) == (12, change, change)
    assert job.run().mapping_change == change


def test_without_a_ledger_the_examples_are_of_what_is_sent(database_url: str, make_job: Any) -> None:
    make_table(database_url)
    source = "table: t, primary_key: id, cursor_field: at, lookback: 0"
    job = make_job(database_url, source=source, fields=FIELDS, top="resend: always")
    shown = job.forecast("beginning").as_dict()["forecast"]["example_events"]
    assert [one["key"] for one in shown["sent"]] == [f'[["int","{n}"]]' for n in range(3)]
    assert shown["sent"][0]["event"] == {"event": "PersonUpdated", "userid": "•••", "firstname": "•••"}


def test_an_unfinished_run_leaves_the_change_to_the_next_one(database_url: str, make_job: Any) -> None:
    make_table(database_url)
    job = make_job(database_url, source="table: t, primary_key: id, cursor_field: at", fields=FIELDS)
    job.run("beginning")
    job.sections["fields"] = "userid: {column: id, type: text}"
    for _ in range(2):
        assert job.run(limits=RunLimits(deadline=0.0)).mapping_change == MappingChange((), ("firstname",), ())
    assert job.run().mapping_change is not None
    assert job.run().mapping_change is None


def test_a_backfill_of_everything_goes_on_where_it_stopped(database_url: str, make_job: Any) -> None:
    make_table(database_url)
    job = make_job(database_url, source="table: t, primary_key: id, cursor_field: at", fields=FIELDS)
    assert job.backfill(limits=RunLimits(rows=5)).books.read == 5
    rest = job.backfill(resend=True, limits=RunLimits(rows=2))
    assert (rest.books.resent, rest.books.read) == (2, 2)
    assert (job.backfill().books.read, job.taken()[7:]) == (7, [str(n) for n in range(5, 12)])
    assert (job.backfill(restart=True).books.unchanged, job.backfill(resend=True).books.read) == (12, 10)
    with pytest.raises(UsageProblem, match="both ends"):
        job.backfill("3")


def test_a_dry_backfill_reconciles_source_and_ledger_window_by_window(database_url: str, make_job: Any) -> None:
    """Each window balances: as accepted, changed, never sent, dead letters, invalid."""
    make_table(database_url, rows=20)
    job = make_job(database_url, source="table: t, primary_key: id, cursor_field: at", fields=f"{FIELDS}, email: shoe")
    run_sql(database_url, "UPDATE t SET shoe = NULL", "UPDATE t SET shoe = 'wrong' WHERE id = 7")
    assert job.run("beginning").books.invalid == 1
    run_sql(database_url, "UPDATE t SET name = 'ann' WHERE id in (3, 4, 19)")
    insert(database_url, "t", [{"id": 100, "at": 19, "name": "new", "shoe": None}])
    dry = job.forecast_backfill(window="10")
    windows = dry.forecast.windows
    assert [(one.label, one.rows, one.unchanged, one.changed, one.new, one.invalid) for one in windows] == [
        ("[0, 10)", 10, 7, 2, 0, 1),
        ("[10, 19)", 11, 9, 1, 1, 0),
    ]
    for one in windows:
        assert one.rows == one.unchanged + one.events + one.dead_letters + one.invalid + one.suppressed
        assert one.events == one.new + one.changed + one.resent
    assert sum(one.rows for one in windows) == dry.books.read


@pytest.mark.parametrize("seed", range(6))
def test_the_plan_is_what_the_run_then_does(tmp_path: Path, make_job: Any, seed: int) -> None:
    """For random tables, ledgers and mapping changes, by field; the backfill of everything too."""
    chance = Random(seed)
    url = f"sqlite:///{tmp_path}/context.sqlite"
    make_table(url, rows=40)
    source = f"table: t, primary_key: id{', cursor_field: at, lookback: 9' if seed % 2 else ''}"
    job = make_job(url, source=source, fields=f"{FIELDS}, email: {{column: shoe, on_invalid: reject}}")
    run_sql(url, "UPDATE t SET shoe = NULL WHERE id % 3 = 0 AND id > 9")
    job.run("beginning")
    for night in range(3):
        more = chance.sample(["custom_shoe: shoe", "custom_at: at", "lastname: name"], chance.randrange(3))
        job.sections["fields"] = ", ".join([FIELDS, *more])
        for row in chance.sample(range(40), chance.randrange(12)):
            run_sql(url, f"UPDATE t SET name = 'n{chance.randrange(3)}', at = {100 * night + row} WHERE id = {row}")
        insert(url, "t", [{"id": 100 + night, "at": 100 * night + 99, "name": "new", "shoe": "41"}])
        for plan, work in ((job.forecast, job.run), (job.forecast_backfill, job.backfill)):
            planned, done = plan(), work()
            for name in ("read", "new", "changed", "resent", "unchanged", "invalid", "suppressed", "changed_fields"):
                assert getattr(planned.books, name) == getattr(done.books, name), name
            assert planned.forecast.events == planned.books.unsent == done.books.sent
            assert planned.mapping_change == done.mapping_change

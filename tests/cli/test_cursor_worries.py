"""What a cursor may hide is said each time: no clock that bounds it, rows without a value, times spelt otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from etl.commands.summary import NO_CLOCK
from tests.source.tables import run_sql


def set_cursor(office: Any, cursor: str) -> None:
    text = office.mapping.read_text()
    assert text.count("cursor_field: updated_at") == 1
    office.mapping.write_text(text.replace("cursor_field: updated_at", f"cursor_field: {cursor}"))


def test_all_is_well_is_not_said_of_a_cursor_without_a_clock(office: Any) -> None:
    """Nothing shows that no row was missed; so the summary, the dry run and `status` say so, each time."""
    office.fill(20)
    set_cursor(office, "id")
    texts = [
        office.call("run", "people.yaml", *options, columns=200).out
        for options in (("--start-from", "beginning", "--dry-run"), ("--start-from", "beginning"), (), ("--dry-run",))
    ]
    texts += [office.call(*words, columns=200).out for words in (("status",), ("status", "people.yaml", "--check"))]
    assert ["all is well" in text for text in texts] == [False] * 6
    assert [NO_CLOCK in " ".join(text.split()) for text in texts] == [True] * 6
    ended = office.call("status", "people.yaml", "--check", "-o", "json")
    assert (ended.code, json.loads(ended.out)["follows_clock"]) == (0, False)


@pytest.mark.parametrize("unit", ["epoch_seconds", None])
def test_all_is_well_is_said_where_a_clock_bounds_it(office: Any, unit: str | None) -> None:
    office.fill(20)
    if unit is not None:
        run_sql(office.database_url, "UPDATE people SET points = 1704067200 + id")
        set_cursor(office, f"points\n  cursor_unit: {unit}")
    office.call("run", "people.yaml", "--start-from", "beginning")
    ended = office.call("status", "people.yaml", "--check", columns=200)
    assert (ended.code, "all is well" in ended.out, NO_CLOCK in ended.out) == (0, True, False)


def test_rows_whose_null_cursor_is_skipped_need_a_person(office: Any) -> None:
    """`init` drafts `skip`: a third of the customers was never sent, and all was said to be well."""
    office.fill(20)
    run_sql(office.database_url, "CREATE TABLE p AS SELECT * FROM people", "DROP TABLE people")
    run_sql(office.database_url, "ALTER TABLE p RENAME TO people", "UPDATE people SET updated_at = NULL WHERE id < 8")
    set_cursor(office, "updated_at\n  on_null_cursor: skip")
    ended = office.call("run", "people.yaml", "--start-from", "beginning", "-o", "json")
    assert (ended.code, json.loads(ended.out)["reasons"]) == (0, {"null_cursor": 7})
    for words in (("status",), ("status", "people.yaml")):
        text = " ".join(office.call(*words, columns=200).out.split())
        assert ("needs a person" in text, "all is well" in text) == (True, False)
        assert "no run reads 7 rows without a cursor" in text
        assert "cursor_field: [updated_at, created_at]" in text
    ended = office.call("status", "people.yaml", "--check", "-o", "json")
    assert (ended.code, [one["code"] for one in json.loads(ended.out)["worries"]]) == (3, ["rows_without_cursor"])
    # Filled, they are read, and nothing is left to worry about.
    run_sql(office.database_url, "UPDATE people SET updated_at = datetime('now') WHERE updated_at IS NULL")
    assert json.loads(office.call("run", "people.yaml", "-o", "json").out)["sent"] == 7
    assert office.call("status", "people.yaml", "--check").code == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE people SET updated_at = replace(updated_at, ' ', 'T')", "T"),
        ("UPDATE people SET updated_at = replace(substr(updated_at, 1, 10), '-', '')", "integers"),
        ("UPDATE people SET updated_at = CAST(strftime('%s', updated_at) AS INTEGER)", "integers"),
    ],
)
def test_times_of_another_spelling_than_the_checkpoints_are_refused(office: Any, change: str, words: str) -> None:
    """The shape is kept with the checkpoint: compared as texts, later changes would fall below it in silence."""
    office.fill(20)
    office.call("run", "people.yaml", "--start-from", "beginning")
    run_sql(office.database_url, change)
    ended = office.call("run", "people.yaml")
    assert (ended.code, "cursor" in ended.err, words in ended.err) == (8, True, True), ended
    assert office.call("status", "people.yaml", "--check").code == 3


def test_a_checkpoint_ahead_of_the_databases_clock_needs_a_person(office: Any) -> None:
    """Rows written until then lie below it, and no run would read them."""
    office.fill(5)
    office.call("run", "people.yaml", "--start-from", "beginning")
    assert office.call("state", "set", "people.yaml", "2999-01-01T00:00:00", "--yes").code == 0
    ended = office.call("status", "people.yaml", "--check", "-o", "json")
    assert (ended.code, [one["code"] for one in json.loads(ended.out)["worries"]]) == (3, ["checkpoint_ahead"])
    text = " ".join(office.call("status", "people.yaml", columns=200).out.split())
    assert ("needs a person" in text, "ahead of the database's clock" in text) == (True, True)

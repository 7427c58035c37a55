"""Cursors that hide a time: integers that count since 1970, digits that are dates, texts of one spelling."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from etl.checkpoint import NO_VALUE
from etl.errors import SourceMismatch, UsageProblem
from etl.page import Position
from etl.source.cursor import CursorDomain
from tests.source.tables import DATETIME, dialect_of, everything, insert, keys_of, opened, positions_of, run_sql

TEXT = {"sqlite": "TEXT", "postgresql": "text", "mysql": "VARCHAR(40)"}
BLANK = [f"2024-01-{day:02d} 08:10:00" for day in range(1, 26)]
SECONDS = [1_704_067_200 + n for n in range(30)]


def make(url: str, values: list[Any], column: str | None = None) -> None:
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column or TEXT[dialect_of(url)]})")
    insert(url, "t", [{"id": n, "at": value} for n, value in enumerate(values)])


@pytest.mark.parametrize(
    ("unit", "factor", "outlier"),
    [("epoch_seconds", 1, 253_370_764_800), ("epoch_milliseconds", 1000, 253_370_764_800_000)],
)
def test_an_integer_that_counts_since_1970_is_bounded_by_the_clock(
    database_url: str, unit: Any, factor: int, outlier: int
) -> None:
    """One row of the year 9999 became the checkpoint, and 30 of 30 later changes were never sent."""
    make(database_url, [value * factor for value in SECONDS] + [outlier], "BIGINT")
    with opened(database_url, cursor_field="at", cursor_unit=unit, page_size=7) as source:
        bound = source.upper_bound()
        assert (bound.held, bound.beyond_now) == (1, 1)
        assert len(keys_of(everything(source))) == len(SECONDS)
        assert source.follows_clock
        checkpoint = Position(SECONDS[-1] * factor, (29,))
        again, new = source.windows(checkpoint, bound)
        assert again.start == (SECONDS[-1] - 3600) * factor
        run_sql(database_url, f"UPDATE t SET at = {(SECONDS[-1] + 5) * factor} WHERE id < 30")
        assert len(keys_of(source.pages(new))) == 30
        assert source.parse_cursor("2024-01-01T00:00:10Z") == SECONDS[10] * factor
        assert source.parse_cursor(str(SECONDS[10] * factor)) == SECONDS[10] * factor
        assert source.instant(SECONDS[0] * factor) == datetime(2024, 1, 1, tzinfo=UTC)


def test_settle_and_lookback_of_a_counting_integer_are_durations(database_url: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    make(database_url, [now - 600, now - 30], "BIGINT")
    plan: dict[str, Any] = {"cursor_field": "at", "cursor_unit": "epoch_seconds", "lookback": timedelta(minutes=1)}
    with opened(database_url, settle=timedelta(minutes=5), **plan) as source:
        assert source.upper_bound().held == 1
        assert keys_of(everything(source)) == [(0,)]
    with pytest.raises(UsageProblem, match="lookback is a number"), opened(database_url, **(plan | {"lookback": 5})):
        pass


def test_windows_of_a_counting_integer_are_of_time(database_url: str) -> None:
    hours = [SECONDS[0] + 3600 * n for n in range(480)]
    make(database_url, hours, "BIGINT")
    with opened(database_url, cursor_field="at", cursor_unit="epoch_seconds", timezone="Europe/Amsterdam") as source:
        start, end = source.parse_cursor("2024-01-03"), source.parse_cursor("2024-01-09")
        windows = source.backfill_windows(start, end, "1d", bound=source.upper_bound())
        assert [len(keys_of(source.pages(window))) for window in windows] == [24] * 6


@pytest.mark.parametrize(
    ("at", "is_time"),
    [("1979-12-31 23:59:59", False), ("1980-01-01", True), ("2200-01-01", True), ("2200-01-01 00:00:01", False)],
)
def test_times_from_1980_to_2200_are_believed_to_be_in_the_unit(sqlite_url: str, at: str, *, is_time: bool) -> None:
    make(sqlite_url, [int(datetime.fromisoformat(f"{at}+00:00").timestamp())], "BIGINT")
    refused = nullcontext() if is_time else pytest.raises(UsageProblem, match="at does not count epoch_seconds")
    with refused, opened(sqlite_url, cursor_field="at", cursor_unit="epoch_seconds"):
        pass


@pytest.mark.parametrize(("unit", "factor"), [("epoch_seconds", 1000), ("epoch_milliseconds", 1)])
def test_the_wrong_unit_is_refused(database_url: str, unit: Any, factor: int) -> None:
    """Otherwise nothing would ever be read, or no row ever held."""
    make(database_url, [value * factor for value in SECONDS], "BIGINT")
    with (
        pytest.raises(UsageProblem, match=f"at does not count {unit}"),
        opened(database_url, cursor_field="at", cursor_unit=unit),
    ):
        pass


def test_a_unit_for_anything_but_an_integer_is_refused(database_url: str) -> None:
    make(database_url, BLANK)
    with (
        pytest.raises(UsageProblem, match="at is no integer"),
        opened(database_url, cursor_field="at", cursor_unit="epoch_seconds"),
    ):
        pass


@pytest.mark.parametrize("column", ["BIGINT", "DECIMAL(14,0)"])
def test_the_digits_of_an_integer_may_be_a_date(database_url: str, column: str) -> None:
    """A day is coarse, so its rows are read again from the day before on."""
    make(database_url, [*range(20240101, 20240131), 99991231], column)
    with opened(database_url, cursor_field="at", cursor_unit="time", page_size=7) as source:
        bound = source.upper_bound()
        assert (bound.held, bound.beyond_now, source.cursor_kind) == (1, 1, "date")
        assert keys_of(everything(source)) == [(n,) for n in range(30)]
        assert source.windows(Position(20240301, (1,)), bound)[0].start == 20240229


def test_a_time_may_be_said_to_be_one(database_url: str) -> None:
    """`cursor_unit: time` is for digits, and true of what is a time already."""
    make(database_url, BLANK, DATETIME[dialect_of(database_url)])
    with opened(database_url, cursor_field="at", cursor_unit="time") as source:
        assert (source.cursor_kind, len(keys_of(everything(source)))) == ("datetime", len(BLANK))


def test_an_integer_without_a_unit_says_that_it_follows_no_clock(database_url: str) -> None:
    make(database_url, [*range(5)], "BIGINT")
    with opened(database_url, cursor_field="at") as source:
        assert not source.follows_clock
        # Rows that share its value may come later, with a lower key.
        again, _ = source.windows(Position(3, (3,)), source.upper_bound())
        assert again.start == 2
    with opened(database_url, cursor_field="id") as source:
        assert len(source.windows(Position(3, (3,)), source.upper_bound())) == 1


@pytest.mark.parametrize(
    ("values", "like"),
    [
        (BLANK, "2024-01-31 08:05:09"),
        ([*BLANK, "2024-01-03 08:10:00.5", "2024-01-03 08:10"], "2024-01-31 08:05:09"),
        ([value.replace(" ", "T") for value in BLANK], "2024-01-31T08:05:09"),
        ([value.replace(" ", "T") + "Z" for value in BLANK], "2024-01-31T08:05:09Z"),
        ([f"{value}.123+02:00" for value in BLANK], "2024-01-31 08:05:09.000+02:00"),
        ([value[:10].replace("-", "") for value in BLANK], "20240131"),
        ([value[:10] for value in BLANK], "2024-01-31"),
        ([f"202401{day:02d}081000" for day in range(1, 26)], "20240131080509"),
    ],
)
def test_texts_of_one_spelling_are_read_and_their_shape_is_kept(
    database_url: str, values: list[str], like: str
) -> None:
    """The state compares it (A27): a column that is written otherwise from one day on stops the run."""
    make(database_url, values)
    with opened(database_url, cursor_field="at", page_size=3) as source:
        assert source.misshaped_cursors() == 0
        assert sorted(keys_of(everything(source))) == [(n,) for n in range(len(values))]
        assert source.fingerprint()["cursor"].endswith(f" like {like}")
        assert source.follows_clock


def test_a_text_that_is_no_time_is_never_read_and_counted(database_url: str) -> None:
    """`unknown` sorts above every time: as a checkpoint it ended all later changes."""
    make(database_url, [*BLANK, "unknown", "", "0000", "n/a", "2024-13-99x", None])
    with opened(database_url, cursor_field="at", page_size=1, on_null_cursor="skip") as source:
        assert source.misshaped_cursors() == 5
        assert keys_of(everything(source)) == [(n,) for n in range(len(BLANK))]
        assert source.fingerprint()["cursor"].endswith(" like 2024-01-31 08:05:09")
        warning = next(one for one in source.preflight() if "is no time" in one.message)
        assert warning.level == "warning"


def test_a_text_that_begins_or_nearly_looks_like_a_time_is_none(database_url: str) -> None:
    near = ["2024-01-09 08:11:00x", "2024-01-09 08:11:0", "2024-01-0\u0663 08:11:00", "2024-01-09 08:11:00.", "[0-9]"]
    near += [] if database_url.startswith("postgresql") else ["2024-01-09 08:11:00\x00", "2024-01-09\x00 08:11:00"]
    make(database_url, [*BLANK, *near])
    with opened(database_url, cursor_field="at", page_size=4) as source:
        assert source.misshaped_cursors() == len(near)
        assert sorted(keys_of(everything(source))) == [(n,) for n in range(len(BLANK))]


@pytest.mark.parametrize("other", ["2024-01-09T08:11:00", "20240109081100", "2024-01-09 08:11:00Z"])
def test_times_of_several_spellings_are_refused(database_url: str, other: str) -> None:
    """10 of 25 rows were lost: a blank sorts below a T."""
    make(database_url, [*BLANK[:5], *[other] * 10, *BLANK[5:]])
    with opened(database_url, cursor_field="at") as source:
        with pytest.raises(SourceMismatch, match="several spellings"):
            source.misshaped_cursors()
        assert [one.level for one in source.preflight() if "several spellings" in one.message] == ["error"]


def test_times_of_several_zones_are_refused(database_url: str) -> None:
    make(database_url, [*(f"{value}+01:00" for value in BLANK), "2024-07-01 08:00:00+02:00"])
    with opened(database_url, cursor_field="at") as source, pytest.raises(SourceMismatch, match="another zone"):
        source.misshaped_cursors()


@pytest.mark.parametrize("values", [["b2", "a1"], ["1700000000", "1700000001"], ["00000017", "00000018"]])
def test_texts_that_are_no_times_are_no_cursor(database_url: str, values: list[str]) -> None:
    make(database_url, values)
    with pytest.raises(SourceMismatch, match="its texts are no times"), opened(database_url, cursor_field="at"):
        pass


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (SECONDS, "epoch_seconds"),
        ([1_000_000_000], "epoch_seconds"),
        ([3_999_999_999], "epoch_seconds"),
        ([1_000_000_000_000], "epoch_milliseconds"),
        ([20240101, 20240105], "time"),
    ],
)
def test_validate_names_the_unit_that_integers_look_like(database_url: str, values: list[int], unit: str) -> None:
    make(database_url, values, "BIGINT")
    with opened(database_url, cursor_field="at") as source:
        (found,) = [one for one in source.preflight() if one.path == "source.cursor_unit"]
    assert (found.level, found.hint) == ("warning", f"set cursor_unit: {unit}")


@pytest.mark.parametrize("index", [[], ["CREATE INDEX ON t (at, id)"]])
@pytest.mark.parametrize(
    ("unit", "values", "later"),
    [(None, ["1.5", "2"], "2.5"), ("epoch_seconds", SECONDS[:2], SECONDS[2]), ("time", [20240101, 20240102], 20240103)],
)
def test_what_is_no_number_is_held_and_ends_no_later_change(
    postgresql_url: str, unit: Any, values: list[Any], later: Any, index: list[str]
) -> None:
    """NaN and infinity sort above every number: a checkpoint there is the last one, and Python compares no NaN."""
    run_sql(postgresql_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at numeric)", *index)
    odd = ["-Infinity", *values, "Infinity", "NaN"]
    run_sql(postgresql_url, *(f"INSERT INTO t VALUES ({n}, '{one}')" for n, one in enumerate(odd)))
    with opened(postgresql_url, cursor_field="at", cursor_unit=unit) as source:
        bound = source.upper_bound()
        assert (bound.held, bound.beyond_now) == (2, 2)
        pages = [page for window in source.windows(None, bound) for page in source.pages(window)]
        assert keys_of(pages) == [(0,), (1,), (2,)]
        checkpoint = positions_of(pages)[-1]
        assert source.check_not_backwards(checkpoint) is None
        run_sql(postgresql_url, f"INSERT INTO t VALUES (9, {later})")
        windows = source.windows(checkpoint, source.upper_bound())
        assert keys_of([page for window in windows for page in source.pages(window)])[-1] == (9,)


@pytest.mark.parametrize(
    ("granularity", "cut"),
    [
        (timedelta(minutes=1), {"second": 0, "microsecond": 0}),
        (timedelta(seconds=1), {"microsecond": 0}),
        (timedelta(milliseconds=1), {"microsecond": 123_000}),
    ],
)
def test_an_instant_is_cut_to_what_the_column_tells_apart(granularity: timedelta, cut: Any) -> None:
    domain = CursorDomain("at", "datetime", ZoneInfo("UTC"), granularity=granularity)
    instant = datetime(2024, 1, 31, 10, 20, 30, 123456, tzinfo=UTC)
    assert domain.at(instant) == instant.replace(tzinfo=None, **cut)


def test_texts_of_which_there_are_none_yet_bind_no_checkpoint_to_a_spelling(sqlite_url: str) -> None:
    make(sqlite_url, [None], "TEXT")
    with opened(sqlite_url, cursor_field="at") as source:
        before = source.fingerprint()
    run_sql(sqlite_url, "UPDATE t SET at = '2024-01-01T00:00:00'")
    with opened(sqlite_url, cursor_field="at") as source:
        after = source.fingerprint()
    assert (before["cursor"].endswith(NO_VALUE), after["cursor"].endswith(NO_VALUE)) == (True, False)

"""When nearly everything fails, the mapping is wrong: the run stops instead of working its way through the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.job.nights import WITH_CURSOR, Nights
from tests.servers.behaviours import answering
from tests.servers.scripted_rules import picky
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer


def test_a_receiver_that_refuses_everything_stops_the_run_early(tmp_path: Path) -> None:
    """B24, C11: halving goes no further than the first batches."""
    with ScriptedServer(lambda _: answering(400)) as server:
        nights = Nights(tmp_path, server.url, destination="  batch_size: 10\n  concurrency: 2")
        nights.fill(2_000)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome, ended.books.sent) == (3, "stopped", 0)
        assert ended.error is not None
        assert (
            "rows failed, more than max_failure_rate allows: 10 refused by the API (http_400 10)" in ended.error.message
        )
        assert 10 <= ended.books.rejected <= 40
        assert len(server.requests) <= 2 * 2 * 19, "at most 2n - 1 a batch"
        assert len(nights.letters()) == ended.books.rejected
        # What was refused waits; all else is still to come.
        assert ended.books.unsent == ended.books.read - ended.books.rejected


def test_a_mapping_that_no_row_fits_stops_at_the_first_page_and_buries_nothing(tmp_path: Path) -> None:
    """B24: once it is mended, the next run reads the rows again."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR + "\n  page_size: 200")
        nights.fill(2_000)
        nights.change("UPDATE people SET email = 'nobody'")
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent) == (3, 0)
        assert ended.books.read == ended.books.invalid < 1_000, "all of the first page, and no more than another"
        assert (server.requests, nights.letters()) == ([], [])
        nights.change("UPDATE people SET email = 'person' || id || '@example.com'")
        assert nights.run(run_id="mended").books.sent == 2_000


@pytest.mark.parametrize(("batch_size", "concurrency"), [(20, 4), (50, 16)])
def test_rows_that_an_answer_does_not_name_count_beside_those_that_it_does(
    tmp_path: Path, batch_size: int, concurrency: int
) -> None:
    """What is refused is known before the others of its request were sent again: a tenth of the rows is not all."""

    def script(request: Recorded) -> Behaviour | None:
        bad = [at for at, event in enumerate(request.events) if event["custom_points"] % 10 == 0]
        return (
            answering(400, {"success": False, "errors": [{"index": at, "message": "wrong"} for at in bad]})
            if bad
            else None
        )

    with ScriptedServer(script) as server:
        destination = f"  batch_size: {batch_size}\n  concurrency: {concurrency}"
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, rate="20%", destination=destination)
        nights.fill(1_600)
        nights.change("UPDATE people SET points = id")
        ended = nights.run("beginning")
        assert (ended.outcome, ended.books.sent, ended.books.rejected) == ("done", 1_440, 160)


def test_rows_that_were_refused_before_are_no_good_ones(tmp_path: Path) -> None:
    """A receiver that takes nothing stops the second night too, though the first night's rows are given up by then."""
    with ScriptedServer(lambda _: answering(400)) as server:
        nights = Nights(tmp_path, server.url, destination="  batch_size: 10\n  concurrency: 2")
        nights.fill(400)
        first = nights.run("beginning").books
        second = nights.run(run_id="second")
        assert second.outcome == "stopped"
        assert 10 <= second.books.rejected <= 40
        assert len(nights.letters()) == first.rejected + second.books.rejected


def would_stop(nights: Nights, start_from: str | None = "beginning") -> bool:
    """What a dry run says."""
    forecast = nights.forecast(start_from=start_from).forecast
    assert forecast is not None
    return forecast.would_stop


WAYS = ("keyset", "spool")


@pytest.mark.parametrize("rows", [12, 90, 350, 2_000])
@pytest.mark.parametrize("page_size", [7, 90])
@pytest.mark.parametrize("way", WAYS)
def test_a_mapping_that_no_row_fits_buries_nothing_however_small_its_pages(
    tmp_path: Path, way: str, page_size: int, rows: int
) -> None:
    """B24: nothing is recorded of the rows in front before the fuse can judge them, or the input ends."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=f"{WITH_CURSOR}\n  page_size: {page_size}", rate="5%")
        if way == "spool":
            nights.change("DROP INDEX people_changed")
        nights.fill(rows)
        nights.change("UPDATE people SET email = 'nobody'")
        assert would_stop(nights)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome, ended.books.sent) == (3, "stopped", 0)
        assert ended.error is not None
        assert "rows failed, more than max_failure_rate allows" in ended.error.message
        assert ended.books.read == ended.books.invalid <= min(rows, 100 + page_size)
        assert (server.requests, nights.letters()) == ([], [])
        nights.change("UPDATE people SET email = 'person' || id || '@example.com'")
        assert nights.run(run_id="mended").books.sent == rows


@pytest.mark.parametrize("good_row", [40, 95])
def test_rows_in_front_that_waited_become_dead_letters_once_one_can_be_sent(tmp_path: Path, good_row: int) -> None:
    """Pages of ten: what waited is recorded before the checkpoint passes it."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR + "\n  page_size: 10", rate="99%")
        nights.fill(99)
        nights.change("UPDATE people SET email = 'nobody' WHERE id <> ?", [(good_row,)])
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome) == (3, "done")
        assert (ended.books.sent, ended.books.invalid, len(nights.letters())) == (1, 98, 98)
        again = nights.run(run_id="next")
        assert (again.outcome, again.books.sent, len(nights.letters())) == ("done", 0, 98)


def test_bad_rows_that_are_read_again_stop_no_quiet_night(tmp_path: Path) -> None:
    """They have their dead letters; new ones beside them are judged by themselves."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR + "\n  lookback: 15\n  page_size: 4", rate="5%")
        nights.fill(100)
        assert nights.run("beginning").outcome == "done"
        nights.fill(20, first=101)
        nights.change("UPDATE people SET email = 'nobody' WHERE id BETWEEN 101 AND 119")
        assert nights.run(run_id="second").outcome == "done"
        nights.change("UPDATE people SET email = 'nobody' WHERE id = 120")
        nights.fill(3, first=121)
        nights.change("UPDATE people SET email = 'nobody' WHERE id > 120")
        assert not would_stop(nights, None)
        third = nights.run(run_id="third")
        assert (third.outcome, third.books.invalid, len(nights.letters())) == ("done", 19, 23)


def test_a_limit_of_no_row_ends_the_run_at_the_first_bad_one(tmp_path: Path) -> None:
    """And the dry run says so; once it is mended, all of them go out."""
    with ScriptedServer() as server:
        small = {"source": WITH_CURSOR + "\n  page_size: 10", "destination": "  batch_size: 5\n  concurrency: 1"}
        nights = Nights(tmp_path, server.url, rate="0%", **small)
        nights.fill(200)
        nights.change("UPDATE people SET email = 'nobody' WHERE id = 33")
        assert would_stop(nights)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome) == (3, "stopped")
        assert 32 <= ended.books.sent < 100
        nights.change("UPDATE people SET email = 'person33@example.com', changed = 201 WHERE id = 33")
        assert nights.run(run_id="mended").books.sent == 200 - ended.books.sent


@pytest.mark.parametrize("bad", [1, 9])
def test_a_few_bad_rows_on_a_quiet_night_stop_nothing(tmp_path: Path, bad: int) -> None:
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR + "\n  page_size: 4", rate="5%")
        nights.fill(bad)
        nights.change("UPDATE people SET email = 'nobody'")
        assert not would_stop(nights)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome, len(nights.letters())) == (3, "done", bad)
        assert nights.run(run_id="next").outcome == "done"


def test_a_window_of_a_backfill_is_done_with_the_letters_of_its_rows(tmp_path: Path) -> None:
    """Bad rows may fill the first windows; they are not passed without a record."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR + "\n  page_size: 10", rate="5%")
        nights.fill(1_000)
        nights.change("UPDATE people SET email = 'nobody' WHERE id <= 30")
        ended = nights.backfill(0, 2000, window="20")
        assert (ended.exit_code, ended.outcome) == (3, "done")
        assert (ended.books.sent, ended.books.invalid, len(nights.letters())) == (970, 30, 30)


def test_a_first_night_with_four_bad_rows_of_a_hundred_and_a_refusal_comes_to_its_end(tmp_path: Path) -> None:
    """Invalid rows count when their place is reached, and only what chance does not explain stops a run."""
    with ScriptedServer(picky(lambda event: event["email"] == "person500@example.com", shape="index")) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, rate="5%")
        nights.fill(1_000)
        nights.change("UPDATE people SET email = 'nobody' WHERE id % 25 = 3")
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome) == (3, "done")
        assert (ended.books.sent, ended.books.invalid, ended.books.rejected) == (959, 40, 1)


def test_seven_bad_rows_of_a_hundred_stop_a_run_of_ten_thousand_early(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, rate="5%")
        nights.fill(10_000)
        nights.change("UPDATE people SET email = 'nobody' WHERE id % 14 = 3")
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome) == (3, "stopped")
        assert ended.error is not None
        assert "by our own checks (of all that were read: invalid_email" in ended.error.message
        assert ended.books.sent < 9_000


def test_bad_rows_that_stand_in_front_stop_nothing(tmp_path: Path) -> None:
    """However few rows the first page holds."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR + "\n  page_size: 100", rate="5%")
        nights.fill(3_000)
        nights.change("UPDATE people SET email = 'nobody' WHERE id <= 30")
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome) == (3, "done")
        assert (ended.books.sent, ended.books.invalid) == (2_970, 30)

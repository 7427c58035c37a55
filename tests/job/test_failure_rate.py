"""When nearly everything fails, the mapping is wrong: the run stops instead of working its way through the table."""

from __future__ import annotations

from pathlib import Path

from tests.job.nights import WITH_CURSOR, Nights
from tests.scripted_faults import answering
from tests.scripted_server import ScriptedServer


def test_a_receiver_that_refuses_everything_stops_the_run_early(tmp_path: Path) -> None:
    """B24, C11: halving goes no further than the first batches."""
    with ScriptedServer(lambda _: answering(400)) as server:
        nights = Nights(tmp_path, server.url, destination="  batch_size: 10\n  concurrency: 2")
        nights.fill(2_000)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome, ended.books.sent) == (3, "stopped", 0)
        assert ended.error is not None
        assert "more than max_failure_rate allows: http_400" in ended.error.message
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
        assert ended.books.read == ended.books.invalid == 200
        assert (server.requests, nights.letters()) == ([], [])
        nights.change("UPDATE people SET email = 'person' || id || '@example.com'")
        assert nights.run(run_id="mended").books.sent == 2_000

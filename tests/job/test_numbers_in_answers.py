"""Answers that say how many events were taken and not which, through whole runs."""

from __future__ import annotations

from pathlib import Path

from etl.errors import TooManyFailures
from tests.job.nights import WITH_CURSOR, Nights
from tests.servers.scripted_faults import answering
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer

BY_HUNDREDS = "  concurrency: 2\n  batch_size: 100\n  retry: {max_attempts: 3, max_backoff: 100ms}"


def guilty(request: Recorded, *numbers: int) -> bool:
    return any(event["email"] in {f"person{number}@example.com" for number in numbers} for event in request.events)


def test_rows_that_were_taken_unnamed_are_no_failures_of_the_mapping(tmp_path: Path) -> None:
    """One refused event makes a hundred dead letters, and is one failure among the rows whose fate is known."""

    def script(request: Recorded) -> Behaviour | None:
        taken = {"success": True, "created": 99, "rejected": 1}
        return answering(200, taken) if guilty(request, 777) else None

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, rate="5%", destination=BY_HUNDREDS)
        nights.fill(3000)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome) == (3, "done")
        assert (ended.books.sent, dict(ended.books.reasons)) == (2900, {"partly_accepted": 100})
        assert {reason for _, reason, _ in nights.letters()} == {"partly_accepted"}


def test_a_stop_for_refusals_that_are_not_named_says_what_is_known(tmp_path: Path) -> None:
    script = answering(200, {"success": True, "created": 60, "rejected": 40})
    with ScriptedServer(lambda _: script) as server:
        one_by_one = BY_HUNDREDS.replace("concurrency: 2", "concurrency: 1")
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, rate="5%", destination=one_by_one)
        nights.fill(3000)
        ended = nights.run("beginning")
        assert isinstance(ended.error, TooManyFailures)
        assert ended.error.message == (
            "40 of 100 rows failed, more than max_failure_rate allows: 40 refused by the API (partly_accepted 40); "
            "it took the others of their requests and did not say which"
        )
        assert "compare the dead letters" in (ended.error.hint or "")

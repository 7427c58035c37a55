"""Answers that give a number of events and not which, or are of their size, through whole runs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from etl.errors import TooManyFailures
from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.job.nights import WITH_CURSOR, Nights
from tests.job.test_odd_answers import DESTINATION
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


def test_one_row_that_is_answered_413_costs_neither_other_rows_nor_the_size_of_requests(tmp_path: Path) -> None:
    """In the first request, with nothing accepted yet, and in a later one."""

    def script(request: Recorded) -> Behaviour | None:
        return answering(413) if guilty(request, 37, 1234) else None

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=BY_HUNDREDS)
        nights.fill(3000)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome, ended.books.sent) == (3, "done", 2998)
        assert [(key, reason) for key, reason, _ in nights.letters()] == [(37, "server_error"), (1234, "server_error")]
        assert len(server.requests) < 130
        assert max(len(request.events) for request in server.requests[-5:]) == 100


@pytest.mark.parametrize("size", [1, 20])
def test_no_row_is_given_up_for_a_413_by_chance(tmp_path: Path, size: int) -> None:
    chance = random.Random(3)
    with ScriptedServer(lambda _: answering(413) if chance.random() < 0.2 else None) as server:
        destination = DESTINATION.replace("batch_size: 20", f"batch_size: {size}")
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=destination)
        nights.fill(400)
        nights.run("beginning")
        for night in range(10):
            nights.run(run_id=f"night {night}")
        assert nights.letters() == []
        assert len({event["email"] for event in server.accepted}) == 400


@pytest.mark.parametrize("first", [1, 4])
def test_no_row_is_given_up_while_everything_is_answered_413(tmp_path: Path, first: int) -> None:
    with ScriptedServer(lambda request: answering(413) if request.number >= first else None) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(200)
        assert nights.run("beginning").exit_code == 6
        assert (nights.letters(), len(server.requests) < 200) == ([], True)
        server.script = ()
        nights.run(run_id="next")
        assert len({event["email"] for event in server.accepted}) == len(server.accepted) == 200


@pytest.mark.parametrize("status", [200, 400])
def test_a_short_number_of_a_row_is_not_kept_from_an_answer(tmp_path: Path, status: int) -> None:
    """Neither for an accepted event nor for a dead letter; a limit of the API's own stays."""
    said = {"success": status == 200, "message": "value 6 is above the maximum, 255"}
    answer = answering(status, said, accept=list if status == 200 else None)
    with ScriptedServer(lambda _: answer) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION, rate="100%")
        nights.fill(1, first=6)
        nights.run("beginning")
        with open_state(nights.state, clock=SystemClock(), write=False) as store:
            mapping = store.mapping("people")
            letters = [one.words for one in mapping.open_dead_letters()]
            words = letters or [str(mapping.answers.of((6,), None))]
        assert all("[redacted]" in one and "255" in one and " 6 " not in one for one in words)


@pytest.mark.parametrize("counts", [{"skipped": 1, "errors": 0}, {"received": 20, "ignored": 1, "failed": 0}])
def test_counts_under_another_name_beside_no_error_are_accepted(tmp_path: Path, counts: dict[str, int]) -> None:
    with ScriptedServer(lambda _: answering(200, {"created": 19, **counts}, accept=list)) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION, rate="5%")
        nights.fill(200)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent, ended.books.unconfirmed) == (0, 200, 200)
        assert nights.letters() == []


@pytest.mark.parametrize(
    "nothing", [{"created": 0, "updated": 0, "errors": []}, {"processed": 0, "message": "batch refused"}]
)
def test_a_count_of_nothing_costs_the_guilty_row_alone(tmp_path: Path, nothing: dict[str, object]) -> None:
    """Nothing was taken, so halving repeats nothing."""
    with ScriptedServer(lambda request: answering(200, nothing) if guilty(request, 77) else None) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(200)
        assert nights.run("beginning").books.sent == len(server.accepted) == 199
        assert nights.letters() == [(77, "refused", 1)]

"""A cron monitor hears the start and the end, over real sockets, and can hold nothing up."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from etl.books import Books
from etl.errors import (
    CredentialsRefused,
    EtlError,
    GuardTripped,
    Interrupted,
    MappingLocked,
    StateUnusable,
    StoppedEarly,
)
from etl.job.outcome import ExampleEvent, Forecast, TrippedGuard
from etl.monitoring.addresses import parse_ping_url
from etl.monitoring.ending import Ending
from etl.monitoring.ping import CLOSE_SECONDS, Pinger, words_for
from tests.monitoring.endings import NOW, an_ending
from tests.servers.scripted_server import Exchange, ScriptedServer, refusing_url


def fine(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.answer(200, b"OK")


def broken(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.answer(503)


def hanging(exchange: Exchange) -> None:
    exchange.hang()


def moved(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.answer(302, headers={"Location": "http://127.0.0.1:9/elsewhere"})


def heard(server: ScriptedServer) -> list[tuple[str, str, bytes | None]]:
    return [(request.method, request.target, request.body) for request in server.requests]


def test_start_success_and_failure_arrive_in_order_with_their_words() -> None:
    with ScriptedServer([fine] * 3) as server:
        pinger = Pinger(parse_ping_url(f"{server.url}/token-1/"))
        pinger.send("start")
        pinger.send("success", "three sent\n")
        pinger.send("fail", "é")
        assert pinger.close() is None
        assert heard(server) == [
            ("POST", "/token-1/start", b""),
            ("POST", "/token-1", b"three sent\n"),
            ("POST", "/token-1/fail", "é".encode()),
        ]


def test_what_follows_the_question_mark_stays_at_the_end() -> None:
    url = parse_ping_url("https://monitor.example/push/abc?rid=7")
    assert [url.of(signal) for signal in ("start", "success", "fail")] == [
        "https://monitor.example/push/abc/start?rid=7",
        "https://monitor.example/push/abc?rid=7",
        "https://monitor.example/push/abc/fail?rid=7",
    ]


def test_a_monitor_that_stumbles_once_is_told_again() -> None:
    with ScriptedServer([broken, fine]) as server:
        pinger = Pinger(parse_ping_url(f"{server.url}/t"))
        pinger.send("success", "words")
        assert pinger.close() is None
        assert heard(server) == [("POST", "/t", b"words")] * 2


@pytest.mark.parametrize(("behaviour", "why"), [(broken, "it answered 503"), (moved, "it answered 302")])
def test_a_monitor_that_refuses_is_said_without_its_address(behaviour: object, why: str) -> None:
    """F2, F6: the address is a secret, and no redirect is followed."""
    with ScriptedServer([behaviour] * 2) as server:  # type: ignore[list-item]
        pinger = Pinger(parse_ping_url(f"{server.url}/t"))
        pinger.send("fail")
        assert pinger.close() == why
        assert len(server.requests) == 2


def test_nobody_there_is_said_without_its_address() -> None:
    with refusing_url() as url:
        pinger = Pinger(parse_ping_url(f"{url}/secret-token"))
        pinger.send("fail")
        assert pinger.close() == "no answer (ConnectError)"


def test_a_monitor_that_hangs_holds_nothing_up() -> None:
    """`send` returns at once, and the end waits so long and no longer."""
    with ScriptedServer([hanging] * 4) as server:
        begun = time.monotonic()
        pinger = Pinger(parse_ping_url(f"{server.url}/t"))
        pinger.send("start")
        assert time.monotonic() - begun < CLOSE_SECONDS / 2
        pinger.send("success")
        assert pinger.close() == "no answer in time"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://monitor.example/secret", "plain http shows the address to everybody on the way; write https"),
        ("monitor.example/secret", "expected an address that begins with https://"),
        ("ftp://monitor.example/secret", "expected an address that begins with https://"),
        ("https://", "expected an address that begins with https://"),
        ("https://user:secret@monitor.example/", "an address has no user name and no # in it"),
        ("https://monitor.example/#secret", "an address has no user name and no # in it"),
        ("https://monitor.example/sec ret", "an address holds no spaces and no letters outside ASCII"),
        ("https://monitor.example/secret\n", "an address holds no spaces and no letters outside ASCII"),
        ("https://monitor.example:99999/secret", "not an address"),
        ("http://127.0.0.1.secret.example/", "plain http shows the address to everybody on the way; write https"),
    ],
)
def test_an_address_that_will_not_do_is_refused_without_showing_it(text: str, words: str) -> None:
    """F7, F9."""
    with pytest.raises(ValueError, match=f"^{words}$") as caught:
        parse_ping_url(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["https://hc.example/uuid", "http://localhost:8000/a", "http://[::1]:8000/a"])
def test_https_and_loopback_are_taken_and_masked(text: str) -> None:
    url = parse_ping_url(text)
    assert url.of("success") == text
    assert text not in repr(url)


def ended_with(error: EtlError | None, *, hours_since_done: float | None = None, failures: int = 0) -> Ending:
    done = None if hours_since_done is None else NOW - timedelta(hours=hours_since_done)
    return an_ending(error=error, last_done_at=done, books=Books(read=failures, invalid=failures))


@pytest.mark.parametrize(
    ("ending", "needed"),
    [
        (ended_with(None, hours_since_done=0), False),
        (ended_with(None, hours_since_done=0, failures=1), True),
        (ended_with(EtlError("a bug")), True),
        (ended_with(CredentialsRefused("401")), True),
        (ended_with(StateUnusable("damaged")), True),
        (ended_with(MappingLocked("held")), False),
        (ended_with(StoppedEarly("down"), hours_since_done=25), False),
        (ended_with(StoppedEarly("down"), hours_since_done=27), True),
        (ended_with(StoppedEarly("down")), True),
        (ended_with(Interrupted("TERM", signal_number=15), hours_since_done=25), False),
        (ended_with(Interrupted("TERM", signal_number=15), hours_since_done=27), True),
    ],
)
def test_a_person_is_needed_when_the_next_run_cannot_mend_it(ending: Ending, *, needed: bool) -> None:
    """E13: 6 is fine for a night, not for a week."""
    assert ending.needs_person is needed


def test_the_words_name_counts_and_codes_only() -> None:
    books = Books(read=10, sent=8, invalid=2, requests=1)
    books.reasons["invalid_email"] = 2
    secret = StateUnusable("the state at /home/eva is gone, eva@example.com", hint="eva@example.com")
    endings = [an_ending(books=books, dead_letters={"invalid_email": 2}), an_ending("orders", error=secret)]
    assert words_for(endings, exit_code=8) == (
        "squeezely-etl ended with exit code 8\n"
        "customers: run done with exit code 3 in 12 s\n"
        "  10 read, 8 sent, 2 invalid, 1 requests\n"
        "  invalid_email 2\n"
        "  2 dead letters open\n"
        "orders: run failed with exit code 8 in 12 s\n"
        "  nothing read\n"
    )


def test_the_words_name_the_guard_that_stopped_a_run_and_no_key_of_a_row() -> None:
    books = Books(read=30, unsent=30)
    tripped = (TrippedGuard("max_events", "it would send 30 events, more than 20"),)
    shown = (ExampleEvent("new", '[["int","4711"]]', {"event": "X", "email": "eva@example.com"}),)
    forecast = Forecast(30, 1, 900, 1.0, {}, {"invalid_email": ['[["int","4711"]]']}, guards=tripped, shown=shown)
    ending = an_ending(books=books, error=GuardTripped("nothing was sent"))
    ending = replace(ending, outcome=replace(ending.outcome, forecast=forecast))
    assert ending.needs_person
    assert words_for([ending], exit_code=9) == (
        "squeezely-etl ended with exit code 9\n"
        "customers: run stopped with exit code 9 in 12 s\n"
        "  30 read, 30 unsent\n"
        "  max_events: it would send 30 events, more than 20\n"
    )

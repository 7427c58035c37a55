"""What of an answer is kept for accepted events."""

from __future__ import annotations

import pytest

from etl.event.encode import envelope
from etl.verdict.answer import Answer
from etl.verdict.judge import Accepted, Partly, Refused, Verdict
from etl.verdict.said import MOST_WORDINGS, Said
from tests.delivery.parcels import DOWN, REFUSAL

SENT = envelope([b'{"event":"E","firstname":"Bank","city":"Ons Dorp"}'])


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, {}, body)


def test_the_words_are_those_of_the_answer() -> None:
    said = Said()
    assert said.of(answer(b'{"success":true,"created":80,"updated":20}'), sent=SENT) == (
        'HTTP 200: {"success":true,"created":80,"updated":20}'
    )
    assert said.of(answer(b"", 201), sent=SENT) == "HTTP 201"


@pytest.mark.parametrize(
    ("verdict", "kept"),
    [(Accepted(), True), (Partly({0: REFUSAL}, "accepted"), True), (Refused(REFUSAL), False), (DOWN, False)],
    ids=lambda given: type(given).__name__,
)
def test_words_are_kept_of_an_answer_by_which_something_was_accepted(verdict: Verdict, *, kept: bool) -> None:
    said, given = Said(), answer(b'{"success":true}')
    assert said.if_accepted(given, verdict, sent=SENT) == ('HTTP 200: {"success":true}' if kept else "")


def test_an_echo_is_masked_also_where_it_is_a_word_that_the_api_may_use() -> None:
    """F3: and a word of the API that was not sent stays, whatever came before."""
    said = Said()
    body = b'{"success":true,"message":"bank account Ons Dorp 8f3b0a7c6d5e4f30 a@b.nl"}'
    assert said.of(answer(body), sent=SENT) == 'HTTP 200: {"success":true,"message":"[redacted] account [redacted]"}'
    assert said.of(answer(b'{"success":true,"message":"bank ok"}'), sent=envelope([b"{}"])).count("bank") == 1


def test_answers_that_are_all_different_cost_no_memory() -> None:
    said = Said()
    for number in range(3 * MOST_WORDINGS):
        assert said.of(answer(b'{"success":true,"id":"%032d"}' % number), sent=SENT).startswith("HTTP 200: {")
    assert len(said._by_body) == MOST_WORDINGS
    assert len(said._by_known_words) == 1
    words = {said.of(answer(b'{"created":%d,"updated":%d}' % (n % 100, n // 100)), sent=SENT) for n in range(500)}
    assert "HTTP 200" in words
    assert len(words) == MOST_WORDINGS


def test_the_same_words_under_another_status_are_told_with_that_one() -> None:
    """Whichever came first, whole or in words that differ by what they echo."""
    said = Said()
    bodies = (b'{"success":true}', b'{"success":true,"echo":"abc"}', b'{"success":true,"echo":"abd"}')
    found = [said.of(Answer(status, {}, body), sent=b"") for body in bodies for status in (200, 202, 200)]
    assert [words.partition(":")[0] for words in found] == ["HTTP 200", "HTTP 202", "HTTP 200"] * 3

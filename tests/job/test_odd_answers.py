"""Answers that no documentation has, through whole runs: nothing is lost, buried or called accepted on a guess."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.job.nights import WITH_CURSOR, Nights
from tests.servers.behaviours import answering, chunked, encoded, raw
from tests.servers.scripted_server import Behaviour, Exchange, Recorded, ScriptedServer, head

DESTINATION = "  concurrency: 2\n  batch_size: 20\n  retry: {max_attempts: 3, max_backoff: 100ms}"
DESTINATION_BATCH = 20
BOMB = gzip.compress(b" " * 64 * 1024 * 1024)


def says(body: object, status: int = 200) -> Behaviour:
    return answering(status, body)


def from_request(number: int, behaviour: Behaviour) -> Callable[[Recorded], Behaviour | None]:
    """The API's ordinary answers, and from this request on others."""
    return lambda request: behaviour if request.number >= number else None


# What is answered without anything being taken, and the exit code.
NOTHING_TAKEN: dict[str, tuple[Behaviour, int]] = {
    "suspended, in Dutch": (says({"success": False, "message": "Uw account is geblokkeerd"}), 5),
    "a trial that has ended": (says({"success": False, "errors": ["Your trial has ended"]}, 400), 5),
    "suspended, as a page of JSON 403": (says({"message": "Account suspended"}, 403), 5),
    "quota, in German": (says({"success": False, "errors": ["Kontingent erschöpft"]}, 400), 6),
    "too busy, with 200": (says({"success": False, "errors": ["Too many requests"]}), 6),
    "the key, with 400": (says({"success": False, "errors": ["Invalid API key"]}, 400), 5),
    "the key, with 200": (says({"success": False, "error": "Unauthorized"}), 5),
    "401 in the body": (says({"status": 401, "message": "Unauthenticated."}), 5),
    "429 in the body": (says({"code": 429, "message": "limit"}), 6),
    "500 in the body": (says({"success": False, "code": 500}), 6),
    "a server's trouble, with 400": (says({"errors": ["Internal server error"]}, 400), 6),
    "maintenance, with 400": (says({"error": "The API is under maintenance"}, 400), 6),
    "401": (says({"errors": ["Unauthorized"]}, 401), 5),
    "a list": (says([{"id": 7}, {"id": 8}]), 6),
    "a text": (says(b'"no"'), 6),
    "a page with 200": (answering(200, b"<html>Welcome</html>", headers={"Content-Type": "text/html"}), 6),
    "nothing with 204": (answering(204), 6),
    "twice another thing": (answering(200, b'{"success":true,"success":false}'), 6),
    "a bomb": (encoded("gzip", BOMB, accept=False), 6),
    "cut off": (raw(head(200, {"Transfer-Encoding": "chunked"}), chunked(b'{"success":true')[:-5]), 6),
    "to another host": (answering(307, headers={"Location": "http://127.0.0.1:9/v1/track"}), 2),
    "to where it was": (answering(301, headers={"Location": "/v1/track"}), 2),
}


@pytest.mark.parametrize("first", [1, 4])
@pytest.mark.parametrize("kind", NOTHING_TAKEN)
def test_where_nothing_is_taken_nothing_is_lost_or_given_up(tmp_path: Path, kind: str, first: int) -> None:
    """From the first request on, or in the middle of a run; when it is over, the next run sends the rest."""
    behaviour, code = NOTHING_TAKEN[kind]
    with ScriptedServer(from_request(first, behaviour)) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(200)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome) == (code, "stopped" if code == 6 else "failed")
        assert (ended.books.rejected, nights.letters()) == (0, [])
        assert ended.books.sent == len(server.accepted) == 20 * (first - 1)
        server.script = ()
        assert nights.run(run_id="next").books.sent == 200 - ended.books.sent
        assert {event["email"] for event in server.accepted} == {
            f"person{number}@example.com" for number in range(1, 201)
        }


QUOTAS = {
    "in words": says({"success": False, "errors": ["Daily quota exceeded"]}, 400),
    "as 403": says({"message": "Plan limit reached"}, 403),
    "as suspended": says({"success": False, "message": "Account blocked until payment"}),
}


@pytest.mark.parametrize("kind", QUOTAS)
def test_a_quota_that_a_batch_no_longer_fits_buries_nothing(tmp_path: Path, kind: str) -> None:
    """Smaller batches would still be taken, and of single rows the first ones: no row of them is at fault."""
    quota = 30

    def script(request: Recorded) -> Behaviour | None:
        return QUOTAS[kind] if len(server.accepted) + len(request.events) > quota else None

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(120)
        for night in range(3):
            quota = len(server.accepted) + 30
            ended = nights.run("beginning" if night == 0 else None, run_id=f"night{night}")
            assert ended.exit_code in (5, 6)
            assert (ended.books.rejected, nights.letters()) == (0, [])
            assert ended.books.requests < 10, "asked again and again of an account that takes no more"
        quota = 1000
        assert nights.run(run_id="open").exit_code == 0
        sent = [f"person{number}@example.com" for number in range(1, 121)]
        assert sorted(event["email"] for event in server.accepted) == sorted(sent)


BUSY = ["API rate limit exceeded", "You exceeded the request limit per minute", "Request timed out"]


@pytest.mark.parametrize("words", BUSY)
def test_words_of_a_busy_api_are_no_quota_and_no_refusal(tmp_path: Path, words: str) -> None:
    refusal = says({"success": False, "errors": [words]}, 400)
    with ScriptedServer(lambda request: refusal if request.number in (1, 2, 5) else None) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(120)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent, nights.letters()) == (0, 120, [])


NO = {
    "success: no": {"success": "no"},
    "ok: false": {"ok": False},
    "in capitals": {"Success": False, "Errors": ["wrong"]},
    "wrapped": {"data": {"success": False, "errors": ["wrong"]}},
    "a status in the body": {"status": 400, "message": "wrong"},
    "an index in words": {"success": True, "errors": [{"index": "third", "message": "wrong"}]},
    "an address that was not sent": {"success": True, "errors": {"other@example.com": "wrong"}},
    "an index that is too large": {"success": True, "errors": [{"index": 99, "message": "wrong"}]},
    "an index below 0": {"success": False, "errors": {"-1": "wrong"}},
    "all counted": {"success": False, "created": 20},
    "yes outside, no inside": {"success": True, "data": {"success": False, "errors": ["wrong"]}},
    "yes outside, errors inside": {"success": True, "result": {"created": 0, "errors": ["wrong"]}},
    "a number of refusals": {"success": True, "created": 0, "rejected": 20},
    "a list of refusals": {"success": True, "failed": ["wrong"]},
    "a list of one refusal": [{"success": False, "message": "wrong"}],
}


@pytest.mark.parametrize("kind", NO)
def test_a_no_in_another_form_costs_the_guilty_row_alone(tmp_path: Path, kind: str) -> None:
    """It is not counted as sent, and no other row is given up for it."""

    def script(request: Recorded) -> Behaviour | None:
        guilty = any(event["email"] == "person77@example.com" for event in request.events)
        return says(NO[kind]) if guilty else None

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(200)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.outcome, ended.books.sent) == (3, "done", 199)
        assert [(key, attempts) for key, _, attempts in nights.letters()] == [(77, 1)]


def indexed(request: Recorded, first: int, *guilty: int, taken: bool, words: str = "wrong") -> Behaviour | None:
    """An answer that names the events of these people by indexes that count from `first`."""
    addresses = {f"person{number}@example.com" for number in guilty}
    named = [at for at, event in enumerate(request.events) if event["email"] in addresses]
    if not named:
        return None
    said = [{"index": at + first, "message": words.format(request.events[at]["email"])} for at in named]

    def answer(exchange: Exchange) -> None:
        if taken:
            exchange.accept([event for event in request.events if event["email"] not in addresses])
        exchange.answer(200 if taken else 400, {"success": taken, "errors": said})

    return answer


@pytest.mark.parametrize("words", ["wrong", "{} is wrong"])
@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("guilty", [(65,), (61,), (80,), (66, 67, 130), (25, 26, 27, 141, 199)])
def test_from_wherever_indexes_count_the_guilty_rows_alone_are_given_up(
    tmp_path: Path, guilty: tuple[int, ...], first: int, words: str, *, taken: bool
) -> None:
    """An index may mean the event before it: both are sent alone, until an answer tells how this API counts."""
    with ScriptedServer(lambda request: indexed(request, first, *guilty, taken=taken, words=words)) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(200)
        assert nights.run("beginning").books.sent == 200 - len(guilty)
        assert sorted((key, reason) for key, reason, _ in nights.letters()) == [
            (key, "refused" if taken else "http_400") for key in guilty
        ]
        sent = [event["email"] for event in server.accepted]
        assert len(set(sent)) == 200 - len(guilty)
        # One good event beside each guilty one of a request or two. An index as high as the number of events may name
        # one that was not sent: that request is halved.
        most = 2 * DESTINATION_BATCH if first == 1 and 80 in guilty else 2 * len(guilty)
        assert len(sent) - len(set(sent)) <= (most if taken else 0)
        if "{}" in words:
            assert len(sent) == len(set(sent))


@pytest.mark.parametrize("status", [200, 207])
@pytest.mark.parametrize("name", ["results", "data", "items", None])
def test_an_answer_with_one_entry_an_event_is_read_by_entry(tmp_path: Path, name: str | None, status: int) -> None:
    """It was taken for one that says neither yes nor no, and the refused event counted as sent."""

    def script(request: Recorded) -> Behaviour:
        bad = [event["email"] == "person77@example.com" for event in request.events]
        entries = [{"status": 400, "error": "wrong"} if each else {"status": 201} for each in bad]
        taken = [event for event, each in zip(request.events, bad, strict=True) if not each]
        return answering(status, {name: entries} if name else entries, accept=lambda _: taken)

    with ScriptedServer(script) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(200)
        assert nights.run("beginning").books.sent == len(server.accepted) == 199
        assert [key for key, _, _ in nights.letters()] == [77]


YES = {
    "a count as a float": {"created": 20.0},
    "a count as a text": {"success": True, "created": "20"},
    "yes": {"success": "yes"},
    "wrapped": {"result": {"success": True}},
    "a status in the body": {"status": 200},
    "a count below 0": {"success": True, "created": -1},
    "more than were sent": {"success": True, "created": 40},
    "a list without errors": {"success": 1, "errors": {"count": 0, "items": []}},
    "a word for no errors": {"success": True, "error": "none", "errors": []},
}


@pytest.mark.parametrize("kind", YES)
def test_a_yes_in_another_form_is_one(tmp_path: Path, kind: str) -> None:
    """Nothing is sent twice, and nothing given up."""
    with ScriptedServer(lambda _: answering(200, YES[kind], accept=lambda events: events)) as server:
        nights = Nights(tmp_path, server.url, source=WITH_CURSOR, destination=DESTINATION)
        nights.fill(200)
        ended = nights.run("beginning")
        assert (ended.exit_code, ended.books.sent, ended.books.retries) == (0, 200, 0)
        assert len(server.accepted) == 200

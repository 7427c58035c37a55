"""A dead letter waits for a person: no nightly run sends its event again, however often it reads the row."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.job.retry import _rank
from tests.job.nights import WITH_CURSOR, Nights, emails
from tests.servers.behaviours import answering, first
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer

SOURCES = {"within the lookback": WITH_CURSOR + "\n  lookback: 1000", "without a cursor": "  page_size: 50"}


def refusing_person(number: int) -> object:
    """A receiver that refuses everything with this person in it, without saying why."""

    def script(request: Recorded) -> Behaviour | None:
        return answering(400) if f"person{number}@example.com" in emails(request) else None

    return script


def counts(outcome: object) -> dict[str, int]:
    books = outcome.books.as_dict()  # type: ignore[attr-defined]
    return {name: books[name] for name in ("read", "sent", "unchanged", "invalid", "rejected", "unsent") if books[name]}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_refused_event_is_sent_again_by_a_person_or_a_change_only(tmp_path: Path, source: str) -> None:
    """The row is a durable dead letter, so that the night is done with it."""
    with ScriptedServer(refusing_person(7)) as server:  # type: ignore[arg-type]
        nights = Nights(tmp_path, server.url, source=source)
        nights.fill(20)
        assert nights.run("beginning").exit_code == 3
        assert nights.letters() == [(7, "http_400", 1)]
        asked = len(server.requests)

        night = nights.run(run_id="second")
        assert (night.exit_code, counts(night)) == (0, {"read": 20, "unchanged": 20})
        assert dict(night.books.reasons) == {"dead_letter": 1}
        assert counts(nights.forecast()) == {"read": 20, "unchanged": 20}
        assert len(server.requests) == asked
        assert nights.letters() == [(7, "http_400", 1)]

        again = nights.retry()
        assert (again.exit_code, counts(again)) == (3, {"read": 1, "rejected": 1})
        assert nights.letters() == [(7, "http_400", 2)]

        nights.change("UPDATE people SET points = 77, changed = 100 WHERE id = 7")
        assert counts(nights.run(run_id="third"))["rejected"] == 1, "a changed event is another one"
        assert nights.letters() == [(7, "http_400", 3)]
        assert counts(nights.run(run_id="fourth")) == {"read": 20, "unchanged": 20}

        dry = nights.forecast(full_refresh=True)
        assert counts(dry) == {"read": 20, "unsent": 20}, "a dry run says what the run would do"
        assert counts(nights.run(run_id="all", full_refresh=True)) == {"read": 20, "sent": 19, "rejected": 1}
        nights.change("UPDATE people SET email = 'other@example.com', changed = 101 WHERE id = 7")
        assert counts(nights.run(run_id="mended")) == {"read": 20, "sent": 1, "unchanged": 19}
        assert nights.letters() == [], "a newer event of its key was accepted"


def test_what_was_taken_in_part_is_not_repeated_by_the_nights_after(tmp_path: Path) -> None:
    """The receiver took some and did not say which: every resend would repeat them."""
    with ScriptedServer([answering(200, {"created": 8}, accept=first(8))]) as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(20)
        assert counts(nights.run("beginning")) == {"read": 20, "rejected": 20}
        for night in range(3):
            assert counts(nights.run(run_id=f"night {night}")) == {"read": 20, "unchanged": 20}
        assert counts(nights.backfill(1, 50)) == {"read": 20, "unchanged": 20}
        assert len(server.accepted) == 8
        assert counts(nights.retry(reason="partly_accepted")) == {"read": 20, "sent": 20}
        assert nights.letters() == []


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_an_invalid_row_is_examined_each_night_but_tried_once(tmp_path: Path, source: str) -> None:
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, source=source)
        nights.fill(20)
        nights.change("UPDATE people SET email = 'nobody' WHERE id = 7")
        nights.run("beginning")
        assert counts(nights.run(run_id="second")) == {"read": 20, "unchanged": 19, "invalid": 1}
        assert nights.letters() == [(7, "invalid_email", 1)]
        nights.retry()
        assert nights.letters() == [(7, "invalid_email", 2)]
        nights.change("UPDATE people SET email = NULL WHERE id = 7")
        nights.run(run_id="third")
        assert nights.letters() == [(7, "missing_identity", 3)], "it fails in another way"


def test_a_row_that_becomes_what_was_refused_before_its_last_success_is_sent(tmp_path: Path) -> None:
    """The dead letter is closed by then: only an open one holds back."""
    with ScriptedServer(refusing_person(7)) as server:  # type: ignore[arg-type]
        nights = Nights(tmp_path, server.url)
        nights.fill(20)
        nights.run("beginning")
        nights.change("UPDATE people SET email = 'other@example.com', changed = 100 WHERE id = 7")
        nights.run(run_id="second")
        nights.change("UPDATE people SET email = 'person7@example.com', changed = 101 WHERE id = 7")
        assert counts(nights.run(run_id="third"))["rejected"] == 1
        assert nights.letters() == [(7, "http_400", 1)]


def test_resend_always_sends_what_was_refused_too(tmp_path: Path) -> None:
    """Without a ledger nothing is compared."""
    with ScriptedServer(refusing_person(7)) as server:  # type: ignore[arg-type]
        nights = Nights(tmp_path, server.url, source="  page_size: 50", top="resend: always")
        nights.fill(20)
        nights.run("beginning")
        assert counts(nights.run(run_id="second")) == {"read": 20, "sent": 19, "rejected": 1}
        assert nights.letters() == [(7, "http_400", 2)]


def waiting(count: int, nights: Nights, *, wrong: str) -> None:
    """`count` people with an open dead letter each; afterwards the addresses of those `wrong` says are still wrong."""
    nights.fill(count)
    nights.run("now")
    nights.bury(range(1, count + 1))
    nights.change(f"UPDATE people SET email = 'nobody' WHERE {wrong}")


def test_hopeless_letters_do_not_stop_a_retry_however_many_they_are(tmp_path: Path) -> None:
    """That most of these rows fail says nothing about the mapping: they are the ones that failed before."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        waiting(220, nights, wrong="id <= 210")
        again = nights.retry()
        assert (again.exit_code, counts(again)) == (3, {"read": 220, "sent": 10, "invalid": 210})
        assert len(nights.letters()) == 210
        assert counts(nights.retry(run_id="once more")) == {"read": 210, "invalid": 210}, "not even when all fail"


def test_with_a_limit_every_letter_has_its_turn(tmp_path: Path) -> None:
    """Five hopeless ones in front would keep the others waiting for ever."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        waiting(12, nights, wrong="id <= 5")
        sent = [counts(nights.retry(run_id=f"retry {turn}", limit=5)).get("sent", 0) for turn in range(3)]
        assert sent == [0, 5, 2]
        assert nights.letters() == [(key, "invalid_email", 3 if key <= 3 else 2) for key in range(1, 6)]


@pytest.mark.parametrize("limit", [None, 3])
def test_the_rows_of_one_person_are_retried_in_the_order_of_their_cursors(tmp_path: Path, limit: int | None) -> None:
    """The first row has the oldest letter and, since it changed again, the newest news."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url, destination="  batch_size: 1")
        waiting(3, nights, wrong="FALSE")
        nights.change("UPDATE people SET email = 'eva@example.com', name = 'v' || id")
        nights.change("UPDATE people SET name = 'newest', changed = 100 WHERE id = 1")
        nights.change("UPDATE people SET name = 'oldest', changed = 0 WHERE id = 3")
        assert counts(nights.retry(limit=limit)) == {"read": 3, "sent": 3}
        assert [event["firstname"] for event in server.accepted] == ["oldest", "v2", "newest"]


@pytest.mark.parametrize("top", ["resend: changed", "resend: always"])
def test_the_letter_of_a_row_whose_newer_event_was_accepted_is_closed(tmp_path: Path, top: str) -> None:
    """What the receiver has is newer than what was refused: there is nothing to retry."""
    lookback = "1000" if top == "resend: changed" else "0"
    with ScriptedServer(refusing_person(7)) as server:  # type: ignore[arg-type]
        nights = Nights(tmp_path, server.url, source=f"{WITH_CURSOR}\n  lookback: {lookback}", top=top)
        nights.fill(20)
        nights.run("beginning")
        assert nights.letters() == [(7, "http_400", 1)]
        nights.change("UPDATE people SET email = 'other@example.com', changed = 100 WHERE id = 7")
        nights.run(run_id="second")
        assert nights.letters() == []
        assert counts(nights.retry()) == {}


def test_rows_of_a_column_of_several_types_are_retried_in_the_order_of_the_database() -> None:
    """SQLite orders numbers before texts before bytes; a row without a cursor, or that is gone, comes last."""
    cursors = [None, b"a", "a", 3, b"B", "B", -1.5]
    assert sorted(cursors, key=_rank) == [-1.5, 3, "B", "a", b"B", b"a", None]


def test_a_letter_whose_row_is_gone_is_closed_and_counted(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(5)
        nights.bury([3, 99])
        again = nights.retry()
        assert (again.exit_code, counts(again)) == (0, {"read": 1, "sent": 1})
        assert dict(again.books.reasons) == {"gone": 1}
        assert nights.letters() == []


def test_the_letter_of_a_row_that_is_again_as_it_was_accepted_is_closed(tmp_path: Path) -> None:
    """Nothing is left to send, so no person has to look at it."""
    with ScriptedServer() as server:
        nights = Nights(tmp_path, server.url)
        nights.fill(20)
        assert nights.run("beginning").exit_code == 0
        nights.change("UPDATE people SET email = 'nobody', changed = 100 WHERE id = 7")
        assert nights.run(run_id="second").exit_code == 3
        assert nights.letters() == [(7, "invalid_email", 1)]
        nights.change("UPDATE people SET email = 'person7@example.com', changed = 101 WHERE id = 7")
        night = nights.run(run_id="third")
        assert (night.exit_code, night.books.unchanged > 0, counts(night).get("sent")) == (0, True, None)
        assert nights.letters() == []

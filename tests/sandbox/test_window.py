"""The sandbox's own endpoints: what arrived, in bounded memory, to the digit."""

from __future__ import annotations

import hashlib

import pytest

from etl.sandbox.faults import SandboxSettings
from etl.sandbox.views import indented, one_line, parse_exactly
from tests.sandbox.conftest import HEADERS, FakeTicks, InProcess, numbered

EVA = {"event": "CRMUpdate", "email": "eva@example.com"}
ORDER = {"event": "Purchase", "orderid": "0001", "products": [{"id": "1", "quantity": 1}]}
JSON = {**HEADERS, "content-type": "application/json"}


def test_an_arrival_says_who_what_and_when(sandbox: InProcess) -> None:
    sandbox.ticks.now = 1_700_000_000.25
    sandbox.track({**EVA, "timestamp": "2024-01-02T03:04:05+01:00"})
    assert sandbox.rows() == [
        {
            "id": 1,
            "time": "2024-01-02T03:04:05+01:00",
            "event": "CRMUpdate",
            "identity": "eva@example.com",
            "email": "eva@example.com",
            "userid": "",
            "created_at": "2023-11-14T22:13:20.250+00:00",
            "accepted": True,
            "api_inserted": True,
            "api_verified": False,
            "reasons": [],
        }
    ]


def test_the_second_purchase_of_an_order_is_merged(sandbox: InProcess) -> None:
    sandbox.track({**EVA, **ORDER}, {**EVA, **ORDER, "totalvalue": 1})
    assert [(row["api_inserted"], row["api_verified"]) for row in sandbox.rows()] == [(False, True), (True, False)]
    assert sandbox.get("/stats")["duplicates"] == 1


def test_a_repeated_event_is_a_duplicate_only_when_all_of_it_is_the_same(sandbox: InProcess) -> None:
    sandbox.track(EVA, {**EVA, "firstname": "Eva"}, dict(reversed(EVA.items())))
    stats = sandbox.get("/stats")
    assert (stats["accepted"], stats["duplicates"], stats["distinct_identities"]) == (3, 1, 1)


def test_a_refused_event_is_kept_with_its_reasons_and_its_neighbours_are_not(sandbox: InProcess) -> None:
    sandbox.track(EVA, {"event": "CRMUpdate", "email": "eva"})
    (row,) = sandbox.rows()
    assert (row["accepted"], row["api_inserted"], row["api_verified"]) == (False, False, False)
    assert row["reasons"] == [
        {"code": "INVALID_EMAIL", "field": "email", "message": "expected an e-mail address or the SHA-256 hex of one"}
    ]
    assert sandbox.get("/stats")["reasons"] == {"INVALID_EMAIL": 1}


def test_the_list_is_filtered_and_paged_from_the_newest(sandbox: InProcess) -> None:
    sandbox.track(*numbered([{"event": "A"}, {"event": "B"}, {"event": "A"}]))
    sandbox.track({"event": "A", "email": "broken"})
    hashed = hashlib.sha256(b"p7@example.com").hexdigest()
    sandbox.track({"event": "B", "email": hashed}, {"event": "B", "userid": "Customer-7"})

    def ids(**query: object) -> list[int]:
        return [row["id"] for row in sandbox.rows(**query)]

    assert ids() == [6, 5, 4, 3, 2, 1]
    assert ids(event="A") == [4, 3, 1]
    assert ids(event="a") == []
    assert ids(identity="P1@EXAMPLE") == [2]
    assert ids(identity="p7@example.com") == [5], "an address finds its hash"
    assert ids(identity="customer-7") == [6]
    assert ids(outcome="accepted", event="A") == [3, 1]
    assert ids(outcome="refused") == [4]
    assert ids(after=4) == [6, 5]
    assert ids(after=1, before=4) == [3, 2]
    assert sandbox.get("/sandbox/events", limit=5)["more"] is True
    assert sandbox.get("/sandbox/events", limit=6)["more"] is False


@pytest.mark.parametrize("query", ["limit=0", "limit=20001", "limit=x", "after=x", "before=", "outcome=good"])
def test_a_wrong_query_is_said_so(sandbox: InProcess, query: str) -> None:
    answer = sandbox.request("GET", f"/sandbox/events?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "INVALID_QUERY")


def test_numbers_are_shown_to_the_digit(sandbox: InProcess) -> None:
    """B4, B5: a JSON reader that rounds would hide exactly the mistake that one looks for."""
    body = (
        b'{"events":[{"event":"E","email":"eva@example.com","custom_big":9007199254740993,"custom_exact":1.10,'
        b'"custom_small":1e-7,"custom_text":"\\u00e9 \\" <"}]}'
    )
    assert sandbox.request("POST", "/v1/track", content=body, headers=JSON).status_code == 200
    detail = sandbox.get("/sandbox/events/1")
    assert detail["raw"] == (
        '{\n  "event": "E",\n  "email": "eva@example.com",\n  "custom_big": 9007199254740993,\n'
        '  "custom_exact": 1.10,\n  "custom_small": 1e-7,\n  "custom_text": "é \\" <"\n}'
    )
    content = sandbox.request("GET", "/sandbox/events", params={"content": "1"}).text
    assert '"custom_big": 9007199254740993, "custom_exact": 1.10' in content


def test_each_field_stands_beside_the_catalogues_rule(sandbox: InProcess) -> None:
    sandbox.track({**EVA, **ORDER, "custom_x": [1], "shoesize": 43})
    fields = {field["label"]: field for field in sandbox.get("/sandbox/events/1")["fields"]}
    assert list(fields) == [
        "event",
        "email",
        "orderid",
        "products 1, id",
        "products 1, quantity",
        "custom_x",
        "shoesize",
    ]
    assert fields["orderid"] == {
        "name": "orderid",
        "label": "orderid",
        "value": "0001",
        "type": "text",
        "rule": "purchases with one orderid are merged",
        "needed_for": "Purchase",
        "sure": "doc",
        "known": True,
    }
    assert (fields["products 1, id"]["name"], fields["products 1, id"]["rule"]) == ("products.id", "the SKU")
    assert fields["custom_x"]["value"] == "[1]"
    assert fields["shoesize"]["known"] is False


@pytest.mark.parametrize("event", ["text", None, [1], {"products": "x"}, {"products": ["x", {"id": 1}]}, {}])
def test_whatever_was_refused_can_be_looked_at(sandbox: InProcess, event: object) -> None:
    assert sandbox.track(event).status_code == 400
    assert sandbox.get("/sandbox/events/1")["raw"]
    assert len(sandbox.rows(content=1)) == 1


def test_memory_is_bounded_by_count_and_the_counts_go_on() -> None:
    sandbox = InProcess(SandboxSettings(kept_events=10, kept_refusals=3))
    sandbox.track({"event": "E", "email": "broken"})
    for number in range(25):
        sandbox.track({**EVA, "custom_n": number})
    rows = sandbox.rows(outcome="accepted")
    assert [row["id"] for row in rows] == list(range(26, 16, -1))
    assert len(sandbox.rows(outcome="refused")) == 1, "good events do not push a bad one out"
    stats = sandbox.get("/stats")
    assert (stats["accepted"], stats["refused"], stats["kept"]) == (25, 1, 11)
    assert sandbox.request("GET", "/sandbox/events/2").status_code == 404


def test_memory_is_bounded_by_size() -> None:
    sandbox = InProcess(SandboxSettings(kept_bytes=50_000))
    for _ in range(20):
        sandbox.track({**EVA, "custom_note": "x" * 10_000})
    assert 4 <= len(sandbox.rows()) <= 5


def test_many_names_do_not_fill_the_memory(sandbox: InProcess) -> None:
    sandbox.track(*({"event": f"E{number}", "userid": "1"} for number in range(1_200)))
    by_event = sandbox.get("/stats")["by_event"]
    assert len(by_event) == 1_001
    assert by_event["(other names)"] == 200


def test_the_last_minute_is_counted_by_second() -> None:
    ticks = FakeTicks(now=500.0)
    sandbox = InProcess(ticks=ticks)
    sandbox.track(EVA, EVA)
    ticks.now = 501.5
    sandbox.track(EVA)
    sandbox.track({"event": "E"})
    ticks.now = 503.0
    stats = sandbox.get("/stats")
    assert stats["accepted_per_second"] == [0] * 56 + [2, 1, 0, 0]
    assert stats["refused_per_second"] == [0] * 57 + [1, 0, 0]
    ticks.now = 565.0
    assert sum(sandbox.get("/stats")["accepted_per_second"]) == 0


def test_reset_forgets_and_numbers_go_on(sandbox: InProcess) -> None:
    sandbox.track(EVA)
    assert sandbox.request("POST", "/sandbox/reset", json={}).status_code == 200
    stats = sandbox.get("/stats")
    assert (stats["accepted"], stats["kept"], stats["resets"]) == (0, 0, 1)
    sandbox.track(EVA)
    assert [row["id"] for row in sandbox.rows()] == [2]


def test_a_reason_narrows_the_list(sandbox: InProcess) -> None:
    sandbox.track({"event": "A", "email": "eva"}, {"event": "A"})
    assert [row["id"] for row in sandbox.rows(reason="INVALID_EMAIL")] == [1]
    assert [row["id"] for row in sandbox.rows(reason="MISSING_IDENTITY email")] == [2]
    assert sandbox.get("/sandbox/events", reason="MISSING_IDENTITY userid")["matching"] == 0


def test_reasons_and_custom_fields_do_not_fill_the_memory(sandbox: InProcess) -> None:
    sandbox.track(*({"event": "A", "userid": "1", f"custom_{number}-": 1} for number in range(1_200)))
    refusals = sandbox.get("/stats")["refusals"]
    assert (len(refusals), refusals[0]["field"], refusals[0]["count"]) == (1_001, "(other fields)", 200)
    sandbox.track(*({"event": "A", "userid": "1", f"custom_{number}": 1} for number in range(1_200)))
    assert len(sandbox.get("/stats")["custom_fields"]) == 1_000


@pytest.mark.parametrize(
    ("path", "status"), [("json?id=9", 404), ("csv?id=x", 400), ("xml", 404), ("json?outcome=good", 400)]
)
def test_a_download_that_cannot_be_made_is_said_so(sandbox: InProcess, path: str, status: int) -> None:
    assert sandbox.request("GET", f"/sandbox/download/events.{path}").status_code == status


@pytest.mark.parametrize("event", ["text", None, [1], {"products": ["x"]}])
def test_whatever_was_refused_can_be_downloaded(sandbox: InProcess, event: object) -> None:
    sandbox.track(event)
    for kind in ("json", "csv"):
        answer = sandbox.request("GET", f"/sandbox/download/events.{kind}", params={"outcome": "refused"})
        assert (answer.status_code, "INVALID" in answer.text or "MISSING" in answer.text) == (200, True)


def test_another_web_site_cannot_reset(sandbox: InProcess) -> None:
    """A form of another site can post text or form data here, but not JSON."""
    assert sandbox.request("POST", "/sandbox/reset", data={"a": "b"}).status_code == 415
    assert sandbox.request("POST", "/sandbox/reset", content=b"{}").status_code == 415


def test_exact_text_is_json_again() -> None:
    text = (
        '{"a": [1.0, -0, 1E+2, {"b": []}], "c": {}, "d": "'
        + "x" * 80
        + '", "e": null, "f": true, "g": {"h": "\\u0000"}}'
    )
    value = parse_exactly(text.encode())
    assert one_line(value) == text
    assert parse_exactly(indented(value).encode()) == value

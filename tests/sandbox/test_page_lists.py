"""What the page says of many events at once, and of the times of each."""

from __future__ import annotations

import csv
import io
import json

import httpx

from tests.sandbox.chromium import Tab, send, text, wait_for_rows

EVA = {"event": "CustomerUpdated", "email": "eva@example.com", "timestamp": "2024-01-02T03:04:05+01:00"}

DOWNLOADS = {
    "list-json": "events.json",
    "list-csv": "events.csv",
    "event-json": "event-2.json",
    "event-csv": "event-2.csv",
}
ITEMS = "[...document.querySelectorAll('#LIST li')].map((i) => [...i.children].map((e) => e.textContent).join(' '))"


def test_the_list_says_how_many_of_how_many_it_shows(tab: Tab, api: httpx.Client) -> None:
    for start in range(0, 3_796, 949):
        send(api, *({**EVA, "email": f"p{number}@example.com"} for number in range(start, start + 949)))
    tab.open(str(api.base_url))
    wait_for_rows(tab, 200)
    assert text(tab, "#shown") == "200 of 3,796, newest first"
    send(api, {"event": "Broken"})
    tab.until("document.getElementById('shown').textContent === '200 of 3,797, newest first'")
    tab.open(f"{api.base_url}#identity=p37")
    wait_for_rows(tab, 107)
    assert text(tab, "#shown") == "107 of 107, newest first"


def test_all_times_have_one_form_with_their_zone(tab: Tab, api: httpx.Client) -> None:
    sent = ["2024-01-02T03:04:05+01:00", "1704161045", 1704161045, "2024-01-02 03:04:05", None]
    send(api, *({**EVA, "timestamp": time} if time else {"event": "A", "userid": "1"} for time in sent))
    tab.open(f"{api.base_url}#id=1")
    wait_for_rows(tab, 5)
    times = "[...document.querySelectorAll('#rows .time')].map((cell) => cell.textContent)"
    as_sent = "2024-01-02 03:04:05 CET"
    arrived, *found = tab.run(times)
    assert found == [as_sent, *["2024-01-02 02:04:05 UTC"] * 3]
    created = tab.run("document.querySelector('#rows .created').textContent")
    assert arrived == created, "an event without a timestamp happened when it arrived"
    form = r"/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/"
    assert tab.run(f"[...document.querySelectorAll('#rows .created')].every((cell) => {form}.test(cell.textContent))")
    tab.until("!document.getElementById('detail-some').hidden")
    assert text(tab, "#fact-time") == "2024-01-02 02:04:05 UTC"
    assert tab.run(f"{form}.test(document.getElementById('fact-created_at').textContent)")


def test_the_events_own_time_can_be_read_at_every_width(tab: Tab, api: httpx.Client) -> None:
    send(api, EVA)
    tab.open(str(api.base_url))
    wait_for_rows(tab, 1)
    for width in (320, 390, 620, 700, 860, 981, 1280, 1440, 1561):
        tab.size(width, 800)
        assert text(tab, "#rows .time").split() == ["2024-01-02", "02:04:05", "UTC"]
        assert tab.run("(cell => cell.scrollWidth <= cell.clientWidth)(document.querySelector('#rows .time'))"), width


def test_a_no_under_api_verified_is_explained(tab: Tab, api: httpx.Client) -> None:
    send(api, EVA)
    tab.open(f"{api.base_url}#id=1")
    tab.until("!document.getElementById('detail-some').hidden")
    assert text(tab, "#fact-api_verified") == "no"
    assert "merged with an earlier one of the same orderid" in text(tab, "#detail .note")
    assert "nothing is wrong" in text(tab, "#detail .note")


def test_refusals_are_grouped_by_reason_and_a_reason_narrows_the_list(tab: Tab, api: httpx.Client) -> None:
    send(api, EVA, {"event": "A", "email": "eva"}, {"event": "A", "email": "jan"}, {"event": "A"})
    tab.open(str(api.base_url))
    wait_for_rows(tab, 3)
    tab.until("!document.getElementById('refusals').hidden")
    assert text(tab, "#refusals-title") == "Reasons of refusals: 2"
    tab.run("document.querySelector('#refusals-title').click()")
    assert [" ".join(line.split()) for line in tab.run(ITEMS.replace("LIST", "refusals-list"))] == [
        "2 INVALID_EMAIL email expected an e-mail address or the SHA-256 hex of one",
        "1 MISSING_IDENTITY email an identity is needed: email or userid",
    ]
    for width in (390, 1280):
        tab.size(width, 900)
        left = (
            "[...document.querySelectorAll('#refusals-list li > :not(.count)')].map(e => e.getBoundingClientRect().x)"
        )
        assert len(set(tab.run(left))) == 1, "what a reason means stands below its code"
    tab.run("document.querySelector('#refusals-list button').focus()")
    send(api, {"event": "A"}, {"event": "A"})
    wait_for_rows(tab, 5)
    focused = "document.activeElement.dataset.reason"
    assert tab.run(focused) == "INVALID_EMAIL email", "new refusals do not take the focus away"
    tab.run("document.activeElement.click()")
    wait_for_rows(tab, 2)
    assert tab.run("location.hash") == "#outcome=refused&reason=INVALID_EMAIL+email"
    assert text(tab, "#shown") == "2 of 2, newest first"
    tab.open(tab.run("location.href"))
    wait_for_rows(tab, 2)
    tab.run("document.getElementById('filter-reason').click()")
    wait_for_rows(tab, 5)
    assert tab.complaints == []


def test_custom_fields_seen_are_the_list_to_create(tab: Tab, api: httpx.Client) -> None:
    kinds = {"custom_n": 7, "custom_day": "2024-01-02", "custom_yes": "yes", "custom_list": ["a"], "custom_mixed": "a"}
    send(api, {**EVA, **kinds}, {**EVA, "custom_n": 1.5, "custom_mixed": 1})
    tab.open(str(api.base_url))
    tab.until("!document.getElementById('customs').hidden")
    assert text(tab, "#customs-title") == "Custom fields to create: 5"
    tab.run("document.querySelector('#customs-title').click()")
    assert [" ".join(line.split()) for line in tab.run(ITEMS.replace("LIST", "customs-list"))] == [
        "custom_day date 1",
        "custom_list list 1",
        "custom_mixed text 2",
        "custom_n number 2",
        "custom_yes yes/no 1",
    ]
    tab.allow_clipboard(str(api.base_url))
    tab.run("document.getElementById('copy-customs').click()")
    tab.until("document.getElementById('copy-customs').textContent === 'Copied'")
    copied = tab.run("navigator.clipboard.readText()").splitlines()
    assert copied[:2] == ["custom_day\tdate", "custom_list\tlist"]


def test_the_list_and_an_event_are_copied_and_downloaded(tab: Tab, api: httpx.Client) -> None:
    send(api, EVA, {**EVA, "email": "=1+1@example.com", "custom_big": 9_007_199_254_740_993})
    send(api, {"event": "Broken"})
    tab.open(f"{api.base_url}#outcome=accepted&id=2")
    wait_for_rows(tab, 2)
    tab.until("!document.getElementById('detail-some').hidden")
    tab.allow_clipboard(str(api.base_url))
    tab.run("document.getElementById('copy-list').click()")
    tab.until("document.getElementById('copy-list').textContent === 'Copied'")
    copied = json.loads(tab.run("navigator.clipboard.readText()"))
    assert [each["content"]["email"] for each in copied] == ["=1+1@example.com", "eva@example.com"]
    files = {name: api.get(tab.run(f"document.getElementById('{name}').href")) for name in DOWNLOADS}
    assert {name: file.headers["content-disposition"] for name, file in files.items()} == {
        name: f'attachment; filename="{file}"' for name, file in DOWNLOADS.items()
    }
    assert json.loads(files["list-json"].text) == copied
    assert json.loads(files["event-json"].text)["custom_big"] == 9_007_199_254_740_993
    lines = list(csv.DictReader(io.StringIO(files["list-csv"].text.removeprefix("\ufeff"))))
    assert [line["email"] for line in lines] == ["'=1+1@example.com", "eva@example.com"], "no formula for a spreadsheet"
    assert [line["custom_big"] for line in lines] == ["9007199254740993", ""]
    assert [line["id"] for line in csv.DictReader(io.StringIO(files["event-csv"].text.removeprefix("\ufeff")))] == ["2"]
    assert tab.complaints == []

"""The page in a real browser: it shows what arrived, takes nothing from it, and works without a mouse."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from etl.sandbox.faults import SandboxSettings, parse_faults
from etl.sandbox.serve import running
from tests.sandbox.axe import violations
from tests.sandbox.chromium import WEAK_TEXT, Tab, send, text, wait_for_rows
from tests.sandbox.conftest import HEADERS, InProcess

ENTER, ESCAPE, UP, DOWN, HOME, END = 13, 27, 38, 40, 36, 35
EVA = {"event": "CustomerUpdated", "email": "eva@example.com", "firstname": "Eva", "timestamp": "2024-01-02T03:04:05Z"}
JAN = {"event": "Purchase", "userid": "7", "orderid": "0012", "products": [{"id": "000417", "quantity": 2}]}
NASTY = "<img src=x onerror=\"document.title='broken'\">"
ATTACK = {"event": NASTY, "email": NASTY, "custom_x": "</script><script>document.title='broken'</script>", NASTY: NASTY}


def rows(tab: Tab) -> list[str]:
    cells = "[...row.cells].slice(1, 3).concat(...[...row.cells].slice(4)).map((cell) => cell.textContent).join(' | ')"
    return tab.run(f"[...document.querySelectorAll('#rows tr')].map((row) => {cells})")


def test_the_policy_names_exactly_the_pages_own_script_and_style() -> None:
    page = InProcess().request("GET", "/")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert page.headers["cache-control"] == "no-store"


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    """It works without a network, and no other host is told that it was opened."""
    page = InProcess().request("GET", "/").text
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(link|img|iframe|object)\b(?![^>]*data:)", page)
    assert "innerHTML" not in page
    assert " on" not in " ".join(re.findall(r"<[a-z]+[^>]*>", page.partition("<script")[0])).replace(" only", "")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_axe_finds_nothing_wrong_with_it(
    tab: Tab, served: Callable[[SandboxSettings], httpx.Client], scheme: str, width: int
) -> None:
    # What is rehearsed stands on the page too; nothing is refused that is not wrong.
    api = served(SandboxSettings(faults=parse_faults(["reject=other@example.com"])))
    tab.size(width, 900)
    tab.prefer(prefers_color_scheme=scheme)
    tab.open(str(api.base_url))
    tab.until("document.getElementById('contact-words').textContent === 'Live'")
    assert violations(tab) == [], "before the first event"
    send(api, EVA, JAN)
    send(api, {"event": "CustomerUpdated", "email": "nobody"})
    wait_for_rows(tab, 3)
    assert violations(tab) == [], "with events, and a refused one"
    tab.run("document.querySelector('#rows tr').click()")
    assert violations(tab) == [], "with the details of one"


def test_it_waits_then_shows_events_as_they_arrive(tab: Tab, api: httpx.Client) -> None:
    tab.open(str(api.base_url))
    assert tab.until("document.getElementById('contact-words').textContent") in {"Live", "Connecting"}
    assert "Waiting for the first event" in text(tab, "#empty")
    assert f"url: {str(api.base_url).rstrip('/')}" in text(tab, "#empty-mapping")
    send(api, EVA)
    wait_for_rows(tab, 1)
    send(api, JAN, {**JAN, "totalvalue": 1})
    wait_for_rows(tab, 3)
    assert rows(tab) == [
        "Purchase | 7 | no | yes",
        "Purchase | 7 | yes | no",
        "CustomerUpdated | eva@example.com | yes | no",
    ]
    send(api, {"event": "CustomerUpdated", "email": "eva"}, EVA)
    wait_for_rows(tab, 4)
    assert rows(tab)[0] == "CustomerUpdatedINVALID_EMAIL | eva | no | no"
    tab.until("document.getElementById('count-accepted').textContent === '3'")
    assert text(tab, "#count-refused") == "1"
    assert tab.run("document.querySelectorAll('#chart .taken').length") > 0
    assert tab.run("document.getElementById('chart').getAttribute('aria-label')").startswith("Events a second over")
    assert tab.complaints == []


@pytest.mark.parametrize("width", [1440, 1241, 1240, 1024, 981, 980, 781, 780, 640, 390])
def test_an_address_can_be_read_at_every_width(tab: Tab, api: httpx.Client, width: int) -> None:
    """The identity is what people look for: whatever gives way, it does not."""
    send(api, EVA)
    tab.size(width, 800)
    tab.open(str(api.base_url))
    wait_for_rows(tab, 1)
    assert tab.run("(cell => cell.scrollWidth <= cell.clientWidth)(document.querySelector('#rows .identity'))")
    assert tab.run("document.documentElement.scrollWidth <= innerWidth"), "nothing hangs over the edge"


def test_the_chart_says_what_it_shows_and_one_refusal_among_many_can_be_seen(tab: Tab, api: httpx.Client) -> None:
    tab.open(str(api.base_url))
    send(api, *({**EVA, "email": f"p{number}@example.com"} for number in range(400)), {"event": "Broken"})
    tab.until("document.querySelectorAll('#chart .refused').length > 0")
    heights = tab.run("[...document.querySelectorAll('#chart rect')].map((bar) => Number(bar.getAttribute('height')))")
    assert min(height for height in heights if height > 1) >= 4
    tops = tab.run("[...document.querySelectorAll('#chart rect')].map((bar) => Number(bar.getAttribute('y')))")
    assert min(tops) >= 0, "the bars stay within the picture"
    assert text(tab, ".chart .axis").split() == ["60", "s", "ago", "accepted", "refused", "now"]


def test_what_an_event_holds_never_becomes_markup(tab: Tab, api: httpx.Client) -> None:
    """Events are data of other people's customers: a name may hold a script."""
    assert send(api, ATTACK) == 400
    assert send(api, {**EVA, "event": NASTY, "custom_x": ATTACK["custom_x"], NASTY: NASTY}) == 200
    for number in (1, 2):
        tab.open(f"{api.base_url}#id={number}")
        wait_for_rows(tab, 2)
        tab.until("!document.getElementById('detail-some').hidden")
        assert text(tab, "#detail-title") == f"{NASTY} #{number}"
        assert NASTY in text(tab, "#fields")
        assert "</script><script>" in text(tab, "#raw")
    assert tab.run("document.querySelectorAll('main img, main script').length") == 0
    assert tab.run("document.title") == "Sandbox – squeezely-etl"  # noqa: RUF001
    assert tab.complaints == []


def test_the_picked_event_stands_beside_the_rules(tab: Tab, api: httpx.Client) -> None:
    send(api, {**JAN, "custom_big": 9_007_199_254_740_993, "shoesize": 43})
    tab.open(str(api.base_url))
    wait_for_rows(tab, 1)
    tab.run("document.querySelector('#rows tr').click()")
    tab.until("!document.getElementById('detail-some').hidden")
    assert text(tab, "#detail-title") == "Purchase #1"
    assert text(tab, "#detail-outcome") == "Accepted"
    fields = text(tab, "#fields")
    assert "purchases with one orderid are merged" in fields
    assert "create the field in the account under this name first" in fields
    assert "not a field of the receiver" in fields
    assert '"custom_big": 9007199254740993' in text(tab, "#raw")
    assert tab.run("location.hash") == "#id=1"


def test_a_refused_event_says_why_at_the_field(tab: Tab, api: httpx.Client) -> None:
    send(api, {"event": "Purchase", "email": "eva", "timestamp": "23-11-2026"})
    tab.open(f"{api.base_url}#id=1&outcome=refused")
    wait_for_rows(tab, 1)
    tab.until("!document.getElementById('reasons').hidden")
    assert tab.run("[...document.querySelectorAll('#reasons-list li')].map((item) => item.textContent)") == [
        "INVALID_EMAIL email: expected an e-mail address or the SHA-256 hex of one",
        "TIMESTAMP_ERROR timestamp: expected unix seconds, YYYY-MM-DD HH:MM:SS in CET, or ISO 8601 with an offset",
        "MISSING_ORDERID orderid: a Purchase needs it",
        "MISSING_PRODUCTS products: a Purchase needs at least one",
    ]
    guilty = "[...document.querySelectorAll('#fields tr.guilty th')].map((cell) => cell.textContent)"
    assert tab.run(guilty) == ["email", "timestamp"]


def test_the_filters_narrow_the_list_and_stay_in_the_address(tab: Tab, api: httpx.Client) -> None:
    send(api, EVA, JAN, {**EVA, "email": "noor@example.com"})
    send(api, {"event": "Broken"})
    tab.open(str(api.base_url))
    wait_for_rows(tab, 4)
    options = "[...document.getElementById('filter-event').options].map((option) => option.value)"
    assert tab.run(options) == ["", "Broken", "CustomerUpdated", "Purchase"]
    change = "dispatchEvent(new Event('change', {bubbles: true}))"
    tab.run(f"{{const s = document.getElementById('filter-event'); s.value = 'CustomerUpdated'; s.{change}}}")
    wait_for_rows(tab, 2)
    tab.run("document.getElementById('filter-identity').focus()")
    for letter in "noor":
        tab.press(letter)
    wait_for_rows(tab, 1)
    assert rows(tab) == ["CustomerUpdated | noor@example.com | yes | no"]
    assert tab.run("location.hash") == "#event=CustomerUpdated&identity=noor"
    tab.open(tab.run("location.href"))
    wait_for_rows(tab, 1)
    tab.run(f"{{const s = document.getElementById('filter-event'); s.value = 'Purchase'; s.{change}}}")
    tab.until("document.getElementById('empty').checkVisibility()")
    assert text(tab, "#empty-title") == "No event matches the filter"
    tab.run("location.hash = 'outcome=refused'")
    wait_for_rows(tab, 1)
    assert rows(tab) == ["BrokenMISSING_IDENTITY | (nobody) | no | no"]
    assert tab.complaints == []


def test_everything_can_be_done_by_keyboard(tab: Tab, api: httpx.Client) -> None:
    send(api, *({**EVA, "email": f"p{number}@example.com"} for number in range(30)))
    tab.open(str(api.base_url))
    wait_for_rows(tab, 30)
    assert tab.run("document.querySelectorAll('#rows tr[tabindex=\"0\"]').length") == 1, "one stop for the Tab key"
    tab.run("document.querySelector('#rows tr[tabindex=\"0\"]').focus()")
    tab.press("ArrowDown", DOWN)
    tab.press("ArrowDown", DOWN)
    focused = "document.activeElement.dataset.id"
    assert tab.run(focused) == "28"
    tab.until("document.getElementById('detail-title').textContent === 'CustomerUpdated #28'")
    assert tab.run("document.activeElement.getAttribute('aria-selected')") == "true"
    assert tab.run("document.activeElement.matches(':focus-visible')")
    tab.press("ArrowUp", UP)
    assert tab.run(focused) == "29"
    tab.press("End", END)
    assert tab.run(focused) == "1"
    box = tab.run("document.activeElement.getBoundingClientRect().toJSON()")
    assert 0 <= box["top"] < box["bottom"] <= tab.run("innerHeight"), "the picked row is scrolled into view"
    tab.press("Home", HOME)
    assert tab.run(focused) == "30"
    tab.press("Enter", ENTER)
    assert tab.run("document.activeElement.id") == "detail"
    tab.press("Escape", ESCAPE)
    assert tab.run(focused) == "30"
    tab.press("/")
    assert tab.run("document.activeElement.id") == "filter-identity"
    tab.press("Escape", ESCAPE)
    tab.press("p")
    assert text(tab, "#contact-words") == "Paused"
    send(api, {**EVA, "email": "later@example.com"})
    tab.press("p")
    wait_for_rows(tab, 31)
    assert tab.run(focused) == "30", "a new event above does not take the focus away"


def test_a_screen_reader_finds_names_and_hears_sums(tab: Tab, api: httpx.Client) -> None:
    tab.open(str(api.base_url))
    tab.ask("Accessibility.enable")
    send(api, EVA, JAN)
    wait_for_rows(tab, 2)
    tree = tab.ask("Accessibility.getFullAXTree")["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if "role" in node}
    assert ("grid", "Events, newest first") in named
    assert ("combobox", "Event") in named
    assert ("searchbox", "Identity") in named
    assert ("radio", "Refused") in named
    assert ("button", "Pause") in named
    assert ("columnheader", "API verified") in named
    assert ("heading", "Sandbox") in named
    assert not [role for role, name in named if role in {"button", "combobox", "searchbox", "radio"} and not name]
    tab.until("document.getElementById('announce').textContent === '2 new events accepted, 0 refused'")
    assert tab.run("document.getElementById('announce').getAttribute('aria-live')") == "polite"


def test_text_is_readable_in_light_and_dark(tab: Tab, api: httpx.Client) -> None:
    """WCAG AA: 4.5 to 1 for text, on every element that has some."""
    send(api, EVA, {**EVA, "shoesize": 43})
    send(api, {"event": "Purchase", "email": "eva"})
    for scheme in ("light", "dark"):
        tab.prefer(prefers_color_scheme=scheme)
        tab.open(f"{api.base_url}#id=3")
        wait_for_rows(tab, 3)
        tab.until("!document.getElementById('reasons').hidden")
        assert tab.run(WEAK_TEXT) == []


def test_motion_stops_for_those_who_ask(tab: Tab, api: httpx.Client) -> None:
    tab.prefer(prefers_reduced_motion="reduce")
    tab.open(str(api.base_url))
    tab.until("document.getElementById('contact').dataset.state === 'live'")
    assert tab.run("document.getAnimations().length") == 0


@pytest.mark.parametrize("width", [320, 400, 768, 1280, 1920])
def test_nothing_sticks_out_at_any_width(tab: Tab, api: httpx.Client, width: int) -> None:
    long = f"{'x' * 180}@example.com"
    send(api, EVA, JAN, {**EVA, "email": long, "event": "E" * 190, "custom_" + "n" * 60: "y" * 500})
    send(api, {"event": "Purchase", "email": "eva"})
    tab.size(width, 800)
    tab.open(str(api.base_url))
    wait_for_rows(tab, 4)
    tab.run("document.querySelectorAll('#rows tr')[1].click()")
    tab.until("document.getElementById('detail-title').textContent.startsWith('EEE')")
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("document.getElementById('detail').scrollWidth <= document.getElementById('detail').clientWidth")


def test_a_narrow_screen_shows_the_event_over_the_list(tab: Tab, api: httpx.Client) -> None:
    send(api, EVA)
    tab.size(400, 800)
    tab.open(str(api.base_url))
    wait_for_rows(tab, 1)
    assert not tab.run("document.getElementById('detail').checkVisibility()")
    tab.run("document.querySelector('#rows tr').click()")
    tab.until("document.getElementById('detail').checkVisibility()")
    assert tab.run("document.activeElement.id") == "detail"
    tab.run("document.getElementById('back').click()")
    assert not tab.run("document.getElementById('detail').checkVisibility()")
    assert tab.run("document.activeElement.dataset.id") == "1", "back where one came from"


def test_clear_forgets_and_a_lost_sandbox_is_said_so(tab: Tab) -> None:
    with running(SandboxSettings()) as url, httpx.Client(base_url=url, headers=HEADERS) as api:
        send(api, EVA)
        tab.open(url)
        wait_for_rows(tab, 1)
        tab.run("document.getElementById('reset').click()")
        wait_for_rows(tab, 0)
        assert api.get("/stats").json()["accepted"] == 0
        send(api, EVA)
        wait_for_rows(tab, 1)
    tab.until("document.getElementById('contact-words').textContent === 'No answer from the sandbox'")


def test_more_than_a_screenful_is_cut_and_older_ones_are_there_to_ask_for(tab: Tab, api: httpx.Client) -> None:
    tab.open(str(api.base_url))
    tab.until("document.getElementById('contact').dataset.state === 'live'")
    send(api, *({**EVA, "custom_n": number} for number in range(450)))
    wait_for_rows(tab, 200)
    shown = "[...document.querySelectorAll('#rows tr')].map((row) => Number(row.dataset.id))"
    assert tab.run(shown) == list(range(450, 250, -1))
    tab.run("document.getElementById('older').click()")
    wait_for_rows(tab, 400)
    tab.run("document.getElementById('older').click()")
    wait_for_rows(tab, 450)
    assert tab.run("document.getElementById('older').hidden")


def test_a_screenshot_has_something_on_it(tab: Tab, api: httpx.Client, tmp_path: Path) -> None:
    """Kept with the test's temporary files, for a person to look at."""
    send(api, EVA, JAN)
    tab.size(1280, 800)
    tab.open(f"{api.base_url}#id=2")
    wait_for_rows(tab, 2)
    tab.until("!document.getElementById('detail-some').hidden")
    image = tab.screenshot(tmp_path / "sandbox.png")
    assert struct.unpack(">II", image[16:24]) == (1280, 800)
    at = image.index(b"IDAT")
    size = int.from_bytes(image[at - 4 : at], "big")
    assert len(set(zlib.decompressobj().decompress(image[at + 4 : at + 4 + size]))) > 16

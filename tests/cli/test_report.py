"""`--report FILE`: a page, Markdown or JSON of a dry run or a preview, masked, written whole."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Office
from tests.sandbox.axe import violations
from tests.sandbox.chromium import WEAK_TEXT, chromium, new_tab

DRY = ("run", "people.yaml", "--dry-run", "--start-from", "beginning")
FOUND = "found" + ".md"  # no page of ours, which this name would say
NASTY = "<img src=x onerror=\"document.title='broken'\">"


@pytest.fixture
def shop(office: Office) -> Office:
    office.fill(30)
    with office.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE people SET email = 'kanarie-at-home' WHERE id = 7")
        connection.exec_driver_sql("UPDATE people SET name = ? WHERE id = 8", (NASTY,))
    return office


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize("suffix", ["html", "md", "json"])
@pytest.mark.parametrize(
    "command",
    [
        DRY,
        ("preview", "people.yaml"),
        ("backfill", "people.yaml", "--from", "2020-01-01", "--to", "2100-01-01", "--dry-run"),
    ],
)
def test_it_is_written_for_its_owner_and_holds_no_value_of_a_row(
    shop: Office, suffix: str, command: tuple[str, ...]
) -> None:
    file = Path(f"found.{suffix}")
    ended = shop.call(*command, "--report", str(file))
    assert ended.code in (0, 3), ended.err
    assert "wrote found" in ended.err
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "shop-1" in text
    assert "eva@example.com" in text, "examples are stand-ins"
    assert "custom_points" in text
    assert not re.search(r"person\d|Name \d|kanarie|onerror|key-of-the-shop", text)
    assert [one.name for one in Path().iterdir() if one.name.startswith(".found")] == []


def test_with_no_mask_values_and_keys_are_shown(shop: Office) -> None:
    shop.call(*DRY, "--report", "found.html", "--no-mask")
    text = Path("found.html").read_text()
    assert "person30@example.com" in text, "an example of the mapping"
    assert "<code>7</code>" in text, "the key of the invalid row"
    assert "<code>email = person1@example.com</code>" in text, "an example of what would be sent"
    shop.call("preview", "people.yaml", "--key", "8", "--report", FOUND, "--no-mask")
    assert NASTY in Path(FOUND).read_text(), "as code, where it is no markup"


def test_json_is_for_programs(shop: Office) -> None:
    shop.call(*DRY, "--report", "found.json")
    found = json.loads(Path("found.json").read_text())
    (mapping,) = found["mappings"]
    assert mapping["summary"]["forecast"]["events"] == 29
    assert mapping["summary"]["reasons"] == {"invalid_email": 1}
    assert mapping["summary"]["forecast"]["examples"] == {}
    masked = {"event": "PersonUpdated", "email": "•••", "firstname": "•••", "custom_points": "•••"}
    assert mapping["summary"]["forecast"]["example_events"] == {"new": [{"event": masked}] * 3}
    assert mapping["destination"]["account"] == "shop-1"
    assert {line["field"]: line["origin"] for line in mapping["fields"]}["firstname"] == "column `name`"
    assert mapping["to_create"] == [{"field": "custom_points", "kind": "number", "example": "12"}]
    shop.call("preview", "people.yaml", "--limit", "1", "--report", "found.json")
    (row,) = json.loads(Path("found.json").read_text())["mappings"][0]["rows"]
    assert row["event"]["email"] == row["key"]["id"] == "•••"


def test_it_tells_what_changed_of_the_mapping_and_how_the_windows_balance(shop: Office) -> None:
    assert shop.call("run", "people.yaml", "--start-from", "beginning").code == 3
    shop.mapping.write_text(shop.mapping.read_text().replace("custom_points: points", "custom_score: points"))
    shop.fill(1, first=900, minutes=10)
    shop.call("run", "people.yaml", "--dry-run", "--report", FOUND)
    text = Path(FOUND).read_text()
    assert "| `custom_score` | added |\n| `custom_points` | removed |" in text
    assert "29 of 29 changed events would be sent only because the mapping changed." in text
    assert "29 accepted rows would have another event by now." in text
    assert re.search(r"\n1 request, [\d,]+ bytes; at the configured rate under 1 s at least\.\n", text)
    assert "| changed | `custom_points (left out now)`<br>`custom_score` | `event = PersonUpdated`<br>" in text
    shop.call("backfill", "people.yaml", "--dry-run", "--report", FOUND)
    text = Path(FOUND).read_text()
    assert "| Window | Rows | Changed | Never sent | Invalid |" in text
    bar = "█" * 19
    assert f"| all rows | {bar}█ 31 | {bar} 29 | █ 1 | █ 1 |" in text, "all bars on one scale"
    shop.call("backfill", "people.yaml", "--dry-run", "--report", "found.json")
    (found,) = json.loads(Path("found.json").read_text())["mappings"]
    assert found["summary"]["mapping_changed"]["added"] == ["custom_score"]
    assert found["summary"]["forecast"]["by_mapping"] == 29


def test_a_change_that_takes_long_to_count_says_so(shop: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.job.forecast.QUICKLY", 5)
    shop.call("run", "people.yaml", "--start-from", "beginning")
    shop.mapping.write_text(shop.mapping.read_text().replace("custom_points: points", "custom_score: points"))
    shop.call("run", "people.yaml", "--dry-run", "--report", FOUND)
    text = Path(FOUND).read_text()
    assert "takes longer to count: see what to do next" in text
    assert "`squeezely-etl backfill people.yaml --dry-run`" in text


def test_a_broken_mapping_beside_good_ones_is_named_in_it(shop: Office) -> None:
    Path("maps").mkdir()
    Path("people.yaml").rename("maps/people.yaml")
    Path("maps/broken.yaml").write_text("version: 1\n")
    assert shop.call("run", "maps", *DRY[2:], "--report", FOUND).code == 2
    text = Path(FOUND).read_text()
    assert "29 events would be sent" in text
    assert "broken.yaml" in text


def test_a_source_that_does_not_answer_is_told_in_it(shop: Office) -> None:
    with shop.engine().begin() as connection:
        connection.exec_driver_sql("DROP TABLE people")
    assert shop.call(*DRY, "--report", FOUND).code == 2
    assert "not done: " in Path(FOUND).read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*DRY, "--report", "found.pdf"), "a report ends in .html, .md or .json"),
        ((*DRY, "--report", "nowhere/found.html"), "there is no folder nowhere"),
        (("run", "people.yaml", "--report", "found.html"), "--report goes with --dry-run"),
        ((*DRY, "--no-mask"), "--no-mask goes with --report"),
        (("preview", "people.yaml", "--no-mask"), "--no-mask goes with --report"),
        (("preview", "people.yaml", "--key", "1", "--as-test", "--report", FOUND), "--report goes without --as-test"),
    ],
)
def test_what_cannot_be_is_a_usage_error(shop: Office, arguments: tuple[str, ...], words: str) -> None:
    ended = shop.call(*arguments)
    assert ended.code == 2
    assert words in ended.err
    assert list(Path().glob("found.*")) == []


def test_a_file_that_cannot_be_replaced_stays_as_it_is(shop: Office) -> None:
    Path(FOUND).mkdir()
    ended = shop.call(*DRY, "--report", FOUND)
    assert ended.code == 2
    assert FOUND in ended.err
    assert Path(FOUND).is_dir()


def test_in_a_browser_it_can_be_read_by_everybody(shop: Office, tmp_path: Path) -> None:
    """Screenshots are kept with the test's temporary files, for a person to look at."""
    shop.call(*DRY, "--report", "dry.html", "--no-mask")
    shop.call("preview", "people.yaml", "--key", "8", "--report", "rows.html", "--no-mask")
    with chromium() as browser:
        tab = new_tab(browser)
        for name in ("dry", "rows"):
            for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
                tab.size(width, 900)
                tab.prefer(prefers_color_scheme=scheme)
                tab.open(Path(f"{name}.html").resolve().as_uri())
                assert tab.run("document.documentElement.scrollWidth") <= width, "nothing sticks out"
                assert tab.run(WEAK_TEXT) == []
                assert violations(tab) == []
                tab.screenshot(tmp_path / f"{name}-{scheme}-{width}.png")
                if width == 360:
                    tab.ask("Accessibility.enable")
                    tree = tab.ask("Accessibility.getFullAXTree")["nodes"]
                    roles = {
                        (one["role"]["value"], one.get("name", {}).get("value", "")) for one in tree if "role" in one
                    }
                    assert ("table", "The mapping") in roles, "also where its cells stand below each other"
                    assert ("rowheader", "firstname") in roles
                    assert ("heading", "Fields to create in the account") in roles
        assert tab.run("document.title") == "Preview of people"
        assert NASTY in tab.run("document.body.innerText")
        assert tab.run("document.images.length + document.scripts.length") == 0
        assert tab.complaints == []
        tab.close()

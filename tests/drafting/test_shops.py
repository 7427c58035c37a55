"""The tables that web shops have: what is drafted of each, and that it can be looked at and run as it stands.

Each draft is written by the command, checked by `validate --connect`, shown by the command that stands in its header,
and run against the sandbox, where a judge of the receiver's rules looks at every event.
"""

from __future__ import annotations

import importlib
import json
import shlex
import urllib.request
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.errors import MappingInvalid
from etl.sandbox.serve import running
from tests.cli.mapping_file import call
from tests.drafting.shops.building import build
from tests.drafting.shops.kinds import Expected, Lines, Shop
from tests.judge.rules import judge

NAMES = sorted(
    path.stem for path in (Path(__file__).parent / "shops").glob("*.py") if path.stem not in ("kinds", "building")
)
TODAY = date(2026, 11, 28)


class Office:
    """A folder with a shop's database behind a variable, and a sandbox in the account's place."""

    def __init__(self, shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch, sandbox_url: str) -> None:
        self.shop = shop
        self.sandbox_url = sandbox_url
        monkeypatch.setenv("SHOP_DATABASE_URL", database_url)
        monkeypatch.setenv("SQUEEZELY_URL", sandbox_url)
        monkeypatch.setenv("SQUEEZELY_ACCOUNT", "shop-1")
        monkeypatch.setenv("SQUEEZELY_API_KEY", "key-1")

    def events(self) -> list[dict[str, Any]]:
        """What arrived, oldest first."""
        with urllib.request.urlopen(f"{self.sandbox_url}/sandbox/events?limit=20000&content=1") as answer:
            found = json.load(answer)["events"]
        assert [one["reasons"] for one in found if not one["accepted"]] == []
        return [one["content"] for one in found][::-1]

    def forget(self) -> None:
        """Empty the sandbox."""
        asked = urllib.request.Request(
            f"{self.sandbox_url}/sandbox/reset", method="POST", headers={"Content-Type": "application/json"}
        )
        urllib.request.urlopen(asked).close()


@pytest.mark.parametrize("name", NAMES)
def test_a_shops_tables_are_drafted_looked_at_and_run(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an edit; and a draft that needs a person is refused by `validate`, with the reason."""
    shop: Shop = importlib.import_module(f"tests.drafting.shops.{name}").SHOP
    url = request.getfixturevalue(f"{shop.database}_url")
    build(shop, url)
    monkeypatch.chdir(tmp_path)
    with running() as sandbox_url:
        office = Office(shop, url, monkeypatch, sandbox_url)
        assert listed(call("init", "${SHOP_DATABASE_URL}").stdout) == shop.listed
        for table, expected in shop.drafts.items():
            path = Path("drafts") / f"{table}.yaml"
            said = call("init", "${SHOP_DATABASE_URL}", table, "-o", path)
            text = path.read_text()
            assert drafted(text) == wanted(expected)
            for words in expected.words:
                assert words in plain(text), f"{table}: {words}"
            for column in expected.absent:
                assert column not in text, f"{table} offers {column}"
            assert url not in text + said.stdout + said.stderr
            if expected.refused is not None:
                refused(path, expected.refused)
            else:
                sent(office, path, text, expected)


def refused(path: Path, words: str) -> None:
    """`validate` refuses the draft, offline, and `run` does: nothing can be sent by accident."""
    checked = call("validate", path)
    assert checked.return_value == 2
    assert words in checked.output
    assert "products" in checked.output
    with pytest.raises(MappingInvalid):
        call("run", path, "--start-from", "beginning")


def sent(office: Office, path: Path, text: str, expected: Expected) -> None:
    """The draft is right for `validate --connect`, shows rows, and sends what it should."""
    office.forget()
    checked = call("validate", path, "--connect")
    assert checked.return_value == 0, checked.output
    looked = call(*shlex.split(look_of(text))[1:], "-o", "json")
    rows = [json.loads(line) for line in looked.stdout.splitlines()]
    assert len(rows) == 3
    assert all(row["event"] is not None for row in rows), rows
    done = call("run", path, "--start-from", "beginning", "-o", "json")
    summary = json.loads(done.stdout.splitlines()[-1])
    events = office.events()
    rows_there = len(next(rows for name, rows in office.shop.rows.items() if is_same(name, path.stem)))
    assert (done.return_value, summary["invalid"], summary["rejected"]) == (0, 0, 0), summary
    assert summary["sent"] == len(events) == (expected.sent or rows_there)
    complaints = [one for event in events for one in judge(event, today=TODAY)]
    assert complaints == []
    assert {event["event"] for event in events} == {expected.event}
    assert all("@" in event["email"] for event in events)
    if expected.lines is not None:
        assert all(product["id"] and product["quantity"] for event in events for product in event["products"])
    if expected.event == "EmailOptIn":
        assert all(event["newsletter"] in ("yes", "no") for event in events)
    if expected.consent:
        assert Counter(event["newsletter"] for event in events if "newsletter" in event) == expected.consent


def is_same(name: str, stem: str) -> bool:
    return name.rpartition(".")[2] == stem.rpartition(".")[2] or (stem == "shop.buyers" and name == "shop.spree_users")


def look_of(text: str) -> str:
    """The last line of the header's comments."""
    return text.partition("\nversion:")[0].splitlines()[-1].removeprefix("#").strip()


def plain(text: str) -> str:
    """`text` without the breaks that a screen's width makes in comments."""
    return " ".join(text.replace("#", " ").split()).replace("  ", " ") + text


def listed(printed: str) -> dict[str, tuple[str, ...]]:
    """What `init URL` names, by kind, each by the command that drafts it."""
    found: dict[str, list[str]] = {}
    kind = ""
    for line in printed.splitlines():
        if line.startswith(" "):
            words = shlex.split(line)
            assert words[:3] == ["squeezely-etl", "init", "${SHOP_DATABASE_URL}"]
            assert words[4] == "-o"
            found[kind].append(words[3])
        else:
            kind = line.partition(":")[0]
            found[kind] = []
    return {kind: tuple(tables) for kind, tables in found.items()}


def drafted(text: str) -> dict[str, Any]:
    """What the draft says, without its reasons."""
    draft = yaml.safe_load(text)
    source, products = draft["source"], draft.get("products")
    query = source.get("query", "")
    return {
        "event": draft["event"],
        "fields": {name: column_of(rule) for name, rule in (draft["fields"] or {}).items()},
        "key": tuple_of(source["primary_key"]),
        "cursor": tuple_of(source.get("cursor_field", [])),
        "unit": source.get("cursor_unit"),
        "where": source.get("where"),
        "joined": tuple(line.split()[2] for line in query.splitlines() if line.startswith("LEFT JOIN")),
        "lines": None if not products or not products["fields"] else lines_of(products),
        "destination": draft["destination"],
    }


def wanted(expected: Expected) -> dict[str, Any]:
    fields = dict(expected.fields)
    if expected.refused is not None:
        fields = {"timestamp": "erstellt", "orderid": "bestellnr", "totalvalue": "gesamtsumme"}
    return {
        "event": expected.event,
        "fields": fields,
        "key": expected.key,
        "cursor": expected.cursor,
        "unit": expected.unit,
        "where": expected.where,
        "joined": expected.joined,
        "lines": expected.lines,
        "destination": {
            "url": "${SQUEEZELY_URL:-https://api.squeezely.tech}",
            "account": "${SQUEEZELY_ACCOUNT}",
            "api_key": "${SQUEEZELY_API_KEY}",
        },
    }


def column_of(rule: Any) -> Any:
    column = rule["column"] if isinstance(rule, dict) else rule
    return tuple(column) if isinstance(column, list) else column


def lines_of(products: dict[str, Any]) -> Lines:
    return Lines(
        fields={name: column_of(rule) for name, rule in products["fields"].items()},
        table="query" if "query" in products else products.get("table"),
        match=products.get("match", {}),
        json=products.get("column"),
    )


def tuple_of(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)

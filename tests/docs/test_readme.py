"""The pages cannot drift: their examples are loaded, their tables complete, their generated blocks current."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

import etl.errors
from etl.cli.commands import squeezely_etl
from etl.mapping.load import load_mapping
from etl.mapping.model import Mapping
from etl.source.open import open_plan
from etl.source.plan import ReadPlan
from etl.transform.examples import transform_example
from tests.docs import blocks as generated
from tests.source.clocks import FakeClock

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# By their paths; those that people read, each with generated blocks or none.
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "README.md",
        "mappings/README.md",
        "etl/README.md",
        "tests/README.md",
        "tests/failures.md",
        "tests/benchmarks/README.md",
    )
}
EVERYTHING = "\n".join(PAGES.values())
VARIABLES = {
    "SHOP_DATABASE_URL": "postgresql://reader@localhost/shop",
    "SQUEEZELY_ACCOUNT": "12345",
    "SQUEEZELY_API_KEY": "key",
}


# What a part of a mapping on a page is put into.
BASE = {
    "version": 1,
    "name": "part",
    "source": {"url": "${SHOP_DATABASE_URL}", "table": "orders", "primary_key": "id", "cursor_field": "updated_at"},
    "event": "Purchase",
    "fields": {
        "email": "email",
        "orderid": "order_number",
        "currency": "currency",
        "timestamp": {"column": "ordered_at", "type": "datetime"},
    },
    "products": {"table": "order_lines", "match": {"order_id": "id"}, "fields": {"id": "sku", "quantity": "quantity"}},
}


def blocks(language: str, page: str = EVERYTHING) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", page, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def loaded(text: str, folder: Path) -> Mapping:
    """The mapping of a page, or the part of one within an order's mapping."""
    given = yaml.load(text, yaml.BaseLoader)
    whole = given if "version" in given else BASE | given
    if "source" in given and "version" not in given:
        whole["source"] = {"url": "${SHOP_DATABASE_URL}", **given["source"]}
    path = folder / f"{whole['name']}.yaml"
    path.write_text(text if "version" in given else yaml.safe_dump(whole, sort_keys=False))
    return load_mapping(path, environment=VARIABLES, read_file=Path.read_bytes)


def test_every_mapping_of_the_pages_is_valid(tmp_path: Path) -> None:
    mappings = [text for text in blocks("yaml") if not text.startswith("groups:")]
    assert len(mappings) >= 12
    for text in mappings:
        assert loaded(text, tmp_path).name in {"customers", "part"}


def test_every_query_of_the_recipes_reads_a_shop(tmp_path: Path) -> None:
    """On SQLite, whose SQL they all keep to."""
    recipes = PAGES["mappings/README.md"].partition("## Recipes")[2].partition("\n## ")[0]
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.sqlite")) as shop:
        shop.executescript("""
            CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, updated_at TEXT, deleted_at TEXT);
            CREATE TABLE attributes (customer_id INTEGER, name TEXT, value TEXT);
            CREATE TABLE languages (id INTEGER, iso_code TEXT);
            CREATE TABLE currencies (id INTEGER, code TEXT);
            CREATE TABLE orders (id INTEGER PRIMARY KEY, email TEXT, number TEXT, total NUMERIC, status TEXT,
                updated_at TEXT, language_id INTEGER, currency_id INTEGER);
            CREATE TABLE order_lines (order_id INTEGER, sku TEXT, updated_at TEXT);
            INSERT INTO customers VALUES (1, 'eva@example.com', '2024-01-01 10:00:00', '2024-01-03 10:00:00');
            INSERT INTO attributes VALUES (1, 'province', 'Antwerpen'), (1, 'shoe_size', '38');
            INSERT INTO languages VALUES (1, 'nl-BE');
            INSERT INTO currencies VALUES (1, 'EUR');
            INSERT INTO orders VALUES (7, 'eva@example.com', '100', 12, 'cancelled', '2024-01-01 10:00:00', 1, 1);
            INSERT INTO order_lines VALUES (7, 'SKU-1', '2024-01-02 10:00:00');
        """)
        shop.commit()
    read = []
    for text in blocks("yaml", recipes):
        source = yaml.safe_load(text)["source"]
        plan = ReadPlan(
            url=f"sqlite:///{tmp_path / 'shop.sqlite'}",
            columns=(),
            **{name: value for name, value in source.items() if name not in {"primary_key", "cursor_field"}},
            primary_key=(source["primary_key"],),
            cursor_field=source["cursor_field"],
        )
        with open_plan(plan, clock=FakeClock()) as opened:
            windows = opened.windows(None, opened.upper_bound())
            read.append([page.position(0) for window in windows for page in opened.pages(window)])
    assert [[one.key for one in pages] for pages in read] == [[(1,)], [(7,)], [(7,)], [(1,)], [(7,)]]
    assert str(read[2][0].cursor).startswith("2024-01-02"), "an order changes when its line does"


def test_the_row_of_the_page_becomes_the_event_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "customers.yaml"
    path.write_text(blocks("yaml", README)[0])
    mapping = load_mapping(path, environment=VARIABLES, read_file=Path.read_bytes)
    head, _, values = re.findall(r"^ *\| (.+) \|$", README.partition("It makes of a row")[2], re.MULTILINE)[:3]
    row = {
        name: int(cell) if cell.isdigit() else cell.strip("`")
        for name, cell in zip(head.split(" | "), values.split(" | "), strict=True)
    }
    event, problems = transform_example(mapping, row, ())
    assert problems == ()
    assert event == json.loads(blocks("json", README)[0])


def test_every_command_and_option_is_documented() -> None:
    page = " ".join(PAGES["etl/README.md"].split()).replace("\\|", "|")
    for name in squeezely_etl.commands:
        assert f"`{name}`" in page
    for option in generated.option_rows():
        assert option.flags in page, option
        assert " ".join(option.what.split()) in page, option


def test_every_option_has_the_variable_that_its_name_gives() -> None:
    """SQUEEZELY_ETL_<COMMAND>_<OPTION>, and SQUEEZELY_ETL_STATE for all."""
    for option in generated.option_rows():
        flag = max(re.findall(r"`--?([a-z-]+)`", option.flags), key=len)
        name = f"SQUEEZELY_ETL_{option.command} {flag}".replace(" ", "_").replace("-", "_").upper()
        assert option.variable == ("SQUEEZELY_ETL_STATE" if flag == "state" else name)


def test_every_command_has_an_example_in_its_help() -> None:
    for name, command in squeezely_etl.commands.items():
        assert (command.epilog or "").startswith("Example: squeezely-etl "), name


def test_every_exit_code_of_an_error_is_documented() -> None:
    """One table for the pages, the summaries, the units and the errors."""
    for error in generated.error_classes():
        if error is not etl.errors.Interrupted:
            assert error.exit_code in etl.errors.EXIT_CODES, error.__name__
    assert set(etl.errors.EXIT_CODES) == set(etl.errors.WORST_FIRST)
    order = f"in the order {' '.join(map(str, etl.errors.WORST_FIRST))}:"
    assert order in " ".join(PAGES["etl/README.md"].split())


def test_a_signal_hides_nothing_that_needs_a_person() -> None:
    """What was interrupted only goes on later, as after a 6."""
    for worse in (1, 8, 9, 2, 5, 4):
        assert etl.errors.worst_exit_code([143, worse, 130]) == worse
    for better in (6, 3, 7, 0):
        assert etl.errors.worst_exit_code([better, 143]) == 143


def test_generated_blocks_are_current() -> None:
    generated_pages = [name for name, text in PAGES.items() if "[[[cog" in text]
    command = [sys.executable, "-m", "cogapp", "--check", *generated_pages]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_pages_are_read_without_scrolling_sideways() -> None:
    wide = [f"{name}:{number}" for name, text in PAGES.items() for number, line in lines(text) if len(line) > 160]
    assert wide == []
    assert len(README.splitlines()) <= 220


def test_every_link_leads_somewhere() -> None:
    """Within the repository, to a file or to a heading of a page."""
    broken = []
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if "://" in target:
                continue
            file = (ROOT / name).parent / path if path else ROOT / name
            known = file.exists() and (not anchor or anchor in anchors(file.read_text(encoding="utf-8")))
            if not known:
                broken.append(f"{name}: {target}")
    assert broken == []


def test_every_file_that_the_map_of_the_house_names_exists() -> None:
    """So that a person who changes the code finds the place."""
    page = PAGES["etl/README.md"].partition("# For who changes the code")[2]
    named = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|md|yaml))`", page))
    assert len(named) > 20
    assert {name for name in named if not any((one / name).exists() for one in (ROOT, ROOT / "etl"))} == set()


def lines(text: str) -> Iterator[tuple[int, str]]:
    yield from enumerate(text.splitlines(), start=1)


def anchors(page: str) -> set[str]:
    outside = re.sub(r"^( *)```.*?^\1```", "", page, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_a_crontab_line_needs_nothing_of_a_terminals_environment() -> None:
    """E11: cron has no HOME, LANG or terminal; --help must work with an empty environment."""
    ended = subprocess.run(
        [sys.executable, "-m", "etl", "--help"],
        cwd=ROOT,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "run" in ended.stdout

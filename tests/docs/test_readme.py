"""The README cannot drift: its examples are loaded, its tables are complete, its generated blocks are current."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import etl.errors
from etl.cli.commands import squeezely_etl
from etl.job.mapping_tests import transform_example
from etl.mapping.load import load_mapping
from tests.docs import blocks as generated

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
VARIABLES = {
    "SHOP_DATABASE_URL": "postgresql://reader@localhost/shop",
    "SQUEEZELY_ACCOUNT": "12345",
    "SQUEEZELY_API_KEY": "key",
}


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", README, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def test_every_mapping_of_the_readme_is_valid(tmp_path: Path) -> None:
    mappings = [text for text in blocks("yaml") if not text.startswith("groups:")]
    assert len(mappings) >= 2
    for text in mappings:
        path = tmp_path / "customers.yaml"
        path.write_text(text)
        mapping = load_mapping(path, environment=VARIABLES, read_file=Path.read_bytes)
        assert mapping.name == "customers"


def test_the_row_of_the_page_becomes_the_event_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "customers.yaml"
    path.write_text(blocks("yaml")[0])
    mapping = load_mapping(path, environment=VARIABLES, read_file=Path.read_bytes)
    head, _, values = re.findall(r"^ *\| (.+) \|$", README.partition("It makes of a row")[2], re.MULTILINE)[:3]
    row = {
        name: int(cell) if cell.isdigit() else cell.strip("`")
        for name, cell in zip(head.split(" | "), values.split(" | "), strict=True)
    }
    event, problems = transform_example(mapping, row, ())
    assert problems == ()
    assert event == json.loads(blocks("json")[0])


def test_every_command_and_option_is_documented() -> None:
    for name in squeezely_etl.commands:
        assert f"`{name}`" in README
    rows = [line for line in README.splitlines() if line.startswith("| ")]
    for option in generated.option_rows():
        assert [row for row in rows if option.flags.replace("|", "\\|") in row and option.what in row], option


def test_every_option_has_the_variable_that_its_name_gives() -> None:
    """Contract §3: SQUEEZELY_ETL_<COMMAND>_<OPTION>, and SQUEEZELY_ETL_STATE for all."""
    for option in generated.option_rows():
        flag = max(re.findall(r"`--?([a-z-]+)`", option.flags), key=len)
        name = f"SQUEEZELY_ETL_{option.command} {flag}".replace(" ", "_").replace("-", "_").upper()
        assert option.variable == ("SQUEEZELY_ETL_STATE" if flag == "state" else name)


def test_every_command_has_an_example_in_its_help() -> None:
    for name, command in squeezely_etl.commands.items():
        assert (command.epilog or "").startswith("Example: squeezely-etl "), name


def test_every_exit_code_of_an_error_is_documented() -> None:
    rows = set(re.findall(r"^\| (\d+)(?:, \d+)* \|", README, re.MULTILINE)) | {"129", "130", "143"}
    for error in generated.error_classes():
        if error is not etl.errors.Interrupted:
            assert str(error.exit_code) in rows, error.__name__
    assert rows >= {str(code) for code in etl.errors.WORST_FIRST}


def test_generated_blocks_are_current() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "README.md"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


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

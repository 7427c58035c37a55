"""Every command of the pages is run, in the order of the pages, against a sandbox and a database.

A command may end with 0, or with 3: the demo shop has a few broken rows on purpose.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from etl.cli.commands import squeezely_etl
from etl.mapping.own_steps import steps_in
from etl.sandbox.shop import build_shop
from tests.cli.test_completion import LINES
from tests.docs.test_readme import EVERYTHING, PAGES, ROOT

COMMANDS = Path(sys.executable).parent
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
# What a reader's machine has, and the place in the test's folder that stands for it.
PLACES = {"/opt/etl": "checkout", "/var/lib/prometheus/node-exporter": "metrics"}
OWN_FOLDER = "shop-etl"


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each block of `page`, in order."""
    return [
        (language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
        for indent, language, text in BLOCK.findall(page)
    ]


class Reader:
    """A person who does what the page says, block by block."""

    def __init__(self, folder: Path, database_url: str, sandboxes: contextlib.ExitStack) -> None:
        self.folder = folder
        # The page has it made in its reader's home.
        self.project = folder / OWN_FOLDER
        self.database_url = database_url
        self.sandboxes = sandboxes
        self.sandbox_url = ""
        self.variables = {
            "PATH": f"{COMMANDS}:{os.environ['PATH']}",
            "HOME": str(folder),
            "SQUEEZELY_ETL_SANDBOX_PORT": "0",
        }
        self.done: list[str] = []
        (folder / "metrics").mkdir()

    def read(self, language: str, text: str) -> None:
        match language:
            case "console":
                for line in text.splitlines():
                    assert line.startswith("$ "), f"no output in a console block, it would rot: {line}"
                    self.command(line.removeprefix("$ "))
            case "sh":
                self.set_variables(text)
            case "cron":
                self.crontab(text)
            case "bash" | "zsh" | "fish":
                assert text.strip() == LINES[language], "this line is run by tests/cli/test_completion.py"
            case "yaml" | "json":
                pass  # compared in test_readme.py, or checked in test_alerts.py
            case "python" if "import etl" in text:
                self.ended([sys.executable, "-c", text], self.variables, text)
            case "python":
                (step,) = steps_in(text.encode(), name="steps.py", file="steps.py").values()
                assert step(pd.Series(["SKU-7", None], dtype=object)).tolist()[:1] == ["7"]
            case _:
                pytest.fail(f"no test runs a block of {language}")

    def command(self, line: str) -> None:
        (program, *arguments) = shlex.split(line, comments=True)
        self.done.append(" ".join([program, *arguments[:1]]))
        if program == "make":
            subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True, capture_output=True)
            return
        assert program == "squeezely-etl", line
        if arguments == ["sandbox"]:
            self.start_sandbox()
            return
        # Whatever the page says, nothing may leave for the account.
        for path in (self.project / "mappings").glob("*.yaml"):
            if "SQUEEZELY_URL" not in path.read_text():
                path.write_text(path.read_text() + "destination:\n  url: ${SQUEEZELY_URL}\n")
        assert self.variables["SQUEEZELY_URL"].startswith("http://127.0.0.1:")
        self.ended(["bash", "-c", self.here(line)], self.variables, line)

    def set_variables(self, text: str) -> None:
        printed = subprocess.run(
            ["bash", "-euc", f"{text}\nenv -0"], env=self.variables, capture_output=True, text=True, check=True
        )
        real = {
            "SHOP_DATABASE_URL": self.database_url,
            "SQUEEZELY_ACCOUNT": "shop-1",
            "SQUEEZELY_API_KEY": "key-1",
            "SQUEEZELY_URL": self.sandbox_url,
        }
        names = {one.partition("=")[0] for one in printed.stdout.split("\0") if one}
        set_here = names - set(self.variables) - {"_", "PWD", "SHLVL", "OLDPWD"}
        assert set_here or (self.project / "mappings").is_dir(), text
        values = dict(one.split("=", 1) for one in printed.stdout.split("\0") if "=" in one)
        self.variables |= {name: real.get(name, values[name]) for name in set_here}

    def start_sandbox(self) -> None:
        process = self.sandboxes.enter_context(
            subprocess.Popen(["squeezely-etl", "sandbox"], env=self.variables, stdout=subprocess.PIPE, text=True)
        )
        self.sandboxes.callback(process.terminate)
        assert process.stdout is not None
        words = process.stdout.readline()
        self.sandbox_url = re.findall(r"http://[\d.:]+", words)[0]

    def crontab(self, text: str) -> None:
        schedule, command = text.split(maxsplit=5)[:5], text.split(maxsplit=5)[5]
        assert len(schedule) == 5
        names = [name for name in self.variables if name.startswith(("SHOP_", "SQUEEZELY_"))]
        lines = [f"{name}={shlex.quote(self.variables[name])}\n" for name in names]
        (self.project / "secrets.env").write_text("".join(lines))
        (self.folder / "checkout").mkdir()
        (self.folder / "checkout" / ".venv").symlink_to(COMMANDS.parent)
        # The first run of the other mapping is a person's decision; the line is for the nights after it.
        start = "squeezely-etl run mappings/orders.yaml --start-from beginning"
        self.ended(["bash", "-c", start], self.variables, start)
        self.done.append("cron")
        self.ended(["/bin/sh", "-c", self.here(command)], {"PATH": "/usr/bin:/bin", "HOME": str(self.folder)}, command)
        assert "error" not in (self.project / "run.log").read_text()

    def accepted(self) -> int:
        with urllib.request.urlopen(f"{self.sandbox_url}/sandbox/stats") as answer:
            return int(json.load(answer)["accepted"])

    def here(self, text: str) -> str:
        for place, name in PLACES.items():
            text = text.replace(place, str(self.folder / name))
        return text

    def ended(self, words: list[str], variables: dict[str, str], line: str) -> None:
        ended = subprocess.run(
            words,
            cwd=self.project,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        log = self.project / "run.log"
        said = ended.stdout + ended.stderr + (log.read_text() if log.exists() else "")
        assert ended.returncode in (0, 3), f"{line}\nended with {ended.returncode}\n{said}"
        assert "error: " not in ended.stderr, f"{line}\n{said}"


def small_shop(folder: Path) -> Path:
    """The demo shop, with a customer 4711 in it."""
    path = folder / "shop.sqlite"
    build_shop(path, customers=600)
    with contextlib.closing(sqlite3.connect(path)) as shop, shop:
        shop.execute("UPDATE customers SET id = 4711 WHERE id = 599")
        shop.execute("UPDATE orders SET customer_id = 4711 WHERE customer_id = 599")
    return path


def copy_shop(path: Path, url: str) -> None:
    """The shop's tables on another server, without what no PostgreSQL text can hold."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE customers SET first_name = 'Eva' WHERE instr(first_name, char(0))")
        database.execute("UPDATE customers SET last_name = 'Muller' WHERE id = 411")
    tables = sa.MetaData()
    shop, server = sa.create_engine(f"sqlite:///{path}"), sa.create_engine(url, poolclass=sa.NullPool)
    tables.reflect(shop)
    for table in tables.sorted_tables:
        for column in table.columns:
            generic = column.type.as_generic()
            # SQLite holds no text to its length.
            column.type = sa.Text() if isinstance(generic, sa.String) else generic
    tables.create_all(server)
    with shop.connect() as source, server.begin() as target:
        for table in tables.sorted_tables:
            rows = [dict(row) for row in source.execute(sa.select(table)).mappings()]
            target.execute(table.insert(), rows)
    shop.dispose()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with contextlib.ExitStack() as sandboxes:
        yield Reader(tmp_path, f"sqlite:///{small_shop(tmp_path)}", sandboxes)


def test_every_command_of_the_pages_works_in_its_order(reader: Reader) -> None:
    """On SQLite. E11 for the crontab's line."""
    for page in ("README.md", "etl/README.md", "mappings/README.md", "tests/README.md"):
        for language, text in blocks(PAGES[page]):
            reader.read(language, text)
    commands = {words.split()[1] for words in reader.done if words.startswith("squeezely-etl ")}
    assert commands >= {
        "init",
        "validate",
        "preview",
        "run",
        "backfill",
        "explain",
        "status",
        "retry",
        "deploy",
        "state",
    }
    assert "cron" in reader.done
    assert (reader.folder / "metrics" / "squeezely-etl.prom").exists()
    assert reader.accepted() > 500


def test_every_command_within_a_sentence_exists() -> None:
    found = re.findall(r"(?<!`)`((?:squeezely-etl|make|pip install) [^`]+)`(?!`)", EVERYTHING)
    ours = [shlex.split(text) for text in found if text.startswith("squeezely-etl ")]
    assert len(ours) >= 3
    for _, name, *rest in ours:
        if name == "COMMAND":
            continue
        command = squeezely_etl.commands[name]
        options = {flag for parameter in command.params for flag in parameter.opts}
        assert {word for word in rest if word.startswith("-")} <= options, (name, rest)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {text.split()[1] for text in found if text.startswith("make ")} <= targets
    extras = set(re.findall(r"squeezely[\w.-]*\[(\w+)\]", " ".join(text for text in found if text.startswith("pip "))))
    assert extras
    assert all(f"{extra} = [" in (ROOT / "pyproject.toml").read_text() for extra in extras)

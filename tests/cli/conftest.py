"""The command line in this process: what it prints, whole, at a width of the test's choice."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from etl.cli.boundary import run
from etl.sandbox.serve import running
from tests.e2e.conftest import Desk, Ended

SCREENS = Path(__file__).parent / "screens"
# Lines that are not wrapped: what was typed, errors in one line, problems of mappings, and commands to copy.
UNBROKEN = (
    "$ ",
    "skipped: ",
    "error: ",
    "warning: ",
    "hint: ",
    "  hint: ",
    "people.yaml:",
    "other.yaml:",
    "there is no state at ",
    "the state ",
    "      squeezely-etl ",
)
VARYING = [
    (r"process \d+ on [^,\s]+", "process 4711 on shop"),
    (r"since [-\dT:+]{25}", "since 2026-01-02T03:04:05+00:00"),
    (r"/\S*/(?=people\.sqlite)", "/srv/shop/"),
    (r"/\S*/(?=\.etl/state\.sqlite)", "/srv/shop/"),
    (r"requests +\d+  \d+ of them", "requests                6  4 of them"),
    (r"nothing but failures for \d s", "nothing but failures for 1 s"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:5432"),
    (r"run [0-9a-f]{12}\b", "run 0123456789ab"),
    (r"\b\d+\.\d s\b", "0.1 s"),
    (r"\b30 min \d\d s\b", "30 min 01 s"),
    (r"\b2 h 0\d min\b", "2 h 00 min"),
    (r"\b\d+ windows done", "2 windows done"),
    (r" +[\d,]+ events/s", "  1,000 events/s"),
    (r"20(?!2[0-4])\d\d-\d\d-\d\d \d\d:\d\d:\d\d", "2026-01-02 03:04:05"),
    (r"20(?!2[0-4])\d\d-\d\d-\d\d(\s+)\d\d:\d\d", r"2026-01-02\g<1>03:04"),
]


def settled(text: str) -> str:
    """`text` with what differs from run to run made the same."""
    for pattern, stand_in in VARYING:
        text = re.sub(pattern, stand_in, text)
    return text


@dataclass
class Office(Desk):
    """A desk whose calls happen in this process, in its folder, without a terminal."""

    patch: Any = None
    capture: Any = None

    @property
    def mapping(self) -> Path:
        return Path("people.yaml")

    @property
    def state(self) -> Path:
        return Path(".etl/state.sqlite")

    def environment(self) -> dict[str, str]:
        variables = super().environment()
        del variables["SQUEEZELY_ETL_STATE"]
        return variables

    def call(self, *arguments: str, columns: int = 80) -> Ended:
        for name, value in {**self.environment(), "COLUMNS": str(columns)}.items():
            self.patch.setenv(name, value)
        self.capture.readouterr()
        code = run(arguments)
        return Ended(code, *self.capture.readouterr())

    def said(self, *arguments: str, columns: int = 80) -> str:
        """Exit code, stdout and stderr as one text, what varies made the same."""
        ended = self.call(*arguments, columns=columns)
        return settled(f"exit code {ended.code}\n{ended.out}" + (f"--- stderr\n{ended.err}" if ended.err else ""))


@dataclass
class Transcript:
    """What a person types and reads, compared as a whole with a file in `screens/`."""

    office: Office
    columns: int
    text: str = ""

    def type(self, *arguments: str) -> None:
        """Call the command, and keep what it says."""
        said = self.office.said(*arguments, columns=self.columns)
        self.text += f"$ squeezely-etl {' '.join(arguments)}\n{said}\n"

    def compare(self, name: str) -> None:
        """Compare with the file; `make golden` writes it anew, for a person to look at."""
        longest = max((line for line in self.text.splitlines() if not line.startswith(UNBROKEN)), key=len)
        path = SCREENS / f"{name}.{self.columns}.txt"
        if os.environ.get("REWRITE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(self.text)
        assert self.text == path.read_text()
        assert len(longest) <= self.columns


@pytest.fixture(params=[80, 120])
def transcript(office: Office, request: pytest.FixtureRequest) -> Transcript:
    return Transcript(office, request.param)


@pytest.fixture(scope="session")
def shared_api() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def make_office(
    tmp_path: Path, shared_api: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Office]]:
    root = logging.getLogger()
    handlers, levels = root.handlers[:], (root.level, logging.getLogger("etl").level)
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "SQUEEZELY_ETL_STATE"):
        monkeypatch.delenv(name, raising=False)

    def make(database_url: str | None = None) -> Office:
        url = database_url or "sqlite:///people.sqlite"
        office = Office(tmp_path, shared_api, url, patch=monkeypatch, capture=capsys)
        office.write_mapping()
        return office

    yield make
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    logging.getLogger("etl").setLevel(levels[1])
    logging.raiseExceptions = True


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    return make_office()

"""`preview --watch` as a real process: what a person sees at each save, however the editor saves."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import IO, Any

import pytest

STEPS = "def shout(values):\n    return values.str.upper()\n"


def until(stream: IO[str] | None, words: str) -> str:
    """What `stream` says up to the line with `words`; pytest's time limit ends a wait for nothing."""
    assert stream is not None
    lines: list[str] = []
    while not lines or words not in lines[-1]:
        lines.append(stream.readline())
        assert lines[-1], f"the process ended: {''.join(lines)}"
    return "".join(lines)


class Watching:
    """A process that watches the desk's mapping."""

    def __init__(self, desk: Any, *options: str) -> None:
        self.mapping: Path = desk.mapping
        self.process: subprocess.Popen[str] = desk.start("preview", str(desk.mapping), "--watch", *options)

    def shown(self) -> str:
        """The rows of the next show; the process watches again by then."""
        rows = until(self.process.stdout, "nothing was sent")
        until(self.process.stderr, "watching people.yaml")
        return rows

    def told(self) -> str:
        """What is said in place of rows, up to the words that it watches again."""
        return until(self.process.stderr, "watching people.yaml")

    def save(self, old: str, new: str) -> None:
        """As an editor that writes into the file."""
        text = self.mapping.read_text()
        assert old in text
        self.mapping.write_text(text.replace(old, new))

    def save_by_rename(self, old: str, new: str) -> None:
        """As an editor that writes another file, and puts it in the place of the one before."""
        text = self.mapping.read_text()
        assert old in text
        beside = self.mapping.with_suffix(".yaml.swp")
        beside.write_text(text.replace(old, new))
        beside.replace(self.mapping)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        assert out == ""
        assert "Traceback" not in err
        return self.process.returncode


def test_each_save_shows_the_same_rows_and_what_changed(desk: Any) -> None:
    desk.fill(9)
    desk.write_mapping(top="steps: steps.py")
    (desk.folder / "steps.py").write_text(STEPS)
    watching = Watching(desk, "--limit", "2")
    first = watching.shown()
    assert first.endswith("\n2 rows; nothing was sent\n")
    assert "│ firstname = Name 1\n" in first

    watching.save("firstname: name", "firstname: {column: name, transform: [shout]}")
    shown = watching.shown()
    assert "│ ~ firstname = NAME 1 (was Name 1)\n" in shown
    assert "│   email = person1@example.com\n" in shown
    assert shown.endswith("2 of 2 events changed: firstname 2; nothing was sent\n")

    watching.save_by_rename("custom_points: points", "custom_score: points")
    shown = watching.shown()
    assert "│ + custom_score = 1\n" in shown
    assert "│ - custom_points = 1\n" in shown
    assert shown.endswith("2 of 2 events changed: custom_points 2, custom_score 2; nothing was sent\n")

    (desk.folder / "steps.py").write_text(STEPS.replace("upper", "lower"))
    assert "│ ~ firstname = name 2 (was NAME 2)\n" in watching.shown()
    assert watching.interrupt() == 130


def test_what_is_wrong_stands_in_place_of_the_rows_until_it_is_mended(desk: Any) -> None:
    desk.fill(9)
    desk.write_mapping(top="steps: steps.py")
    steps = desk.folder / "steps.py"
    steps.write_text(STEPS)
    watching = Watching(desk, "--limit", "1")
    watching.shown()
    watching.save("email: email", "email: e_mail\n  emial: email")
    told = watching.told()
    assert "people.yaml:15:3  fields.emial" in told
    watching.save("\n  emial: email", "")
    assert "e_mail" in watching.told(), "the database has no such column"
    watching.save("email: e_mail", "email: {column: email, transform: [shout]}")
    assert "│ ~ email = person1@example.com (was" not in (shown := watching.shown())
    assert shown.endswith("\nno event changed; nothing was sent\n"), "an address is written in lower case anyway"
    steps.write_text("def shout(values)\n")
    assert "steps.py:1: not Python" in watching.told()
    steps.write_text(STEPS)
    assert watching.shown().endswith("\nno event changed; nothing was sent\n")
    desk.mapping.rename(desk.folder / "away")
    assert "cannot be read" in watching.told()
    (desk.folder / "away").rename(desk.mapping)
    watching.shown()
    watching.save("table: people", "table: people\n  where: id > 1")
    assert watching.shown().endswith("no event changed; 1 row not read any more; nothing was sent\n")
    assert watching.interrupt() == 130


def test_rows_that_were_invalid_are_shown_when_they_are_mended(desk: Any) -> None:
    desk.fill(9)
    with desk.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE people SET email = 'nobody' WHERE id = 5")
    watching = Watching(desk, "--invalid", "--mask")
    assert "(no event: the row is invalid)" in watching.shown()
    watching.save("email: email", "email: {column: email, on_invalid: omit}\n  userid: {column: id, type: text}")
    shown = watching.shown()
    assert "│ + userid = •••\n" in shown
    assert "person5" not in shown
    watching.save("  firstname: name\n", "")
    shown = watching.shown()
    assert "│ - firstname = •••\n" in shown
    assert watching.interrupt() == 130


@pytest.mark.parametrize(
    "option", [("--request",), ("-o", "json"), ("--key", "1", "--as-test"), ("--report", "x.html")]
)
def test_it_shows_rows_and_nothing_else(desk: Any, option: tuple[str, ...]) -> None:
    ended = desk.call("preview", str(desk.mapping), "--watch", *option)
    assert ended.code == 2
    assert "--watch goes without" in ended.err

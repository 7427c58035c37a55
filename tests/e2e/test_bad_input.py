"""Each mistake of a person gets one clear message with a hint, the documented exit code, and loses nothing."""

from __future__ import annotations

import socket
from typing import Any

from etl.sandbox.faults import SandboxSettings
from etl.sandbox.serve import running
from etl.secret import Secret


def one_error(ended: Any, code: int, *words: str) -> None:
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    for word in words:
        assert word in ended.err, ended.err
    assert ended.err.count("error:") == 1
    assert "key-of-the-shop" not in ended.out + ended.err


def test_an_unreadable_mapping(desk: Any) -> None:
    desk.mapping.write_text("version: 1\nsource: [")
    one_error(desk.run(), 2, "people.yaml:2:")


def test_what_editors_and_file_systems_hide_beside_a_mapping_is_none(desk: Any) -> None:
    """A lock of Emacs is a link to nothing, and macOS keeps what other file systems cannot in ._ files."""
    desk.fill(3)
    (desk.folder / ".#people.yaml").symlink_to("eva@laptop.4711")
    (desk.folder / "._people.yaml").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")
    ended = desk.call("run", str(desk.folder), "-o", "json", "--start-from", "beginning")
    assert (ended.code, ended.err, ended.summary["sent"]) == (0, "", 3)
    desk.mapping.rename(desk.folder / ".people.yaml")
    one_error(desk.call("run", str(desk.folder)), 2, f"{desk.folder}: no mapping file in this folder")


def test_an_unknown_field_names_the_nearest(desk: Any) -> None:
    desk.mapping.write_text(desk.mapping.read_text().replace("firstname:", "firstnam:"))
    one_error(desk.run(), 2, 'did you mean "firstname"?')


def test_an_unknown_column_names_the_nearest(desk: Any) -> None:
    """A38."""
    desk.fill(3)
    desk.mapping.write_text(desk.mapping.read_text().replace("firstname: name", "firstname: nane"))
    one_error(desk.run("--start-from", "beginning"), 2, "nane", "name")


def test_an_unset_variable_names_file_line_and_key(desk: Any) -> None:
    desk.mapping.write_text(desk.mapping.read_text().replace("${API_KEY}", "${NOBODY_SET_THIS}"))
    one_error(desk.run(), 2, "people.yaml:", "NOBODY_SET_THIS", "api_key")


def test_a_missing_database_file_is_never_created(desk: Any) -> None:
    """A47."""
    one_error(desk.run("--start-from", "beginning"), 4, "people.sqlite")
    assert not (desk.folder / "people.sqlite").exists()


def test_a_secret_in_the_place_of_a_file_or_an_event_is_not_shown(desk: Any) -> None:
    """A variable of another name was written down; neither a percent sign nor quotes let the secret through."""
    secret = desk.variables["ODD"] = "pa%ss'w\"o:rd"
    desk.database_url, kept = f"sqlite:////nowhere/{secret}.sqlite", desk.database_url
    ended = desk.run("--start-from", "beginning")
    one_error(ended, 4, "no such file")
    assert 'w"o' not in ended.out + ended.err
    desk.database_url = kept
    desk.fill(3)
    desk.mapping.write_text(desk.mapping.read_text().replace("event: PersonUpdated", "event: ${ODD}"))
    ended = desk.call("run", str(desk.mapping), "--start-from", "beginning")
    assert 'w"o' not in ended.out + ended.err


def test_an_unreachable_database(desk: Any) -> None:
    """A3."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        desk.database_url = f"postgresql://nobody:secret-word@127.0.0.1:{closed.getsockname()[1]}/shop"
        ended = desk.run("--start-from", "beginning")
    one_error(ended, 4, "127.0.0.1")
    assert "secret-word" not in ended.err + ended.out


def test_a_first_run_must_be_decided(desk: Any) -> None:
    """D14, E14: a lost state file never turns a nightly run into a re-send of everything."""
    desk.fill(3)
    one_error(desk.run(), 8, "--start-from")
    desk.run("--start-from", "beginning")
    for file in desk.state.parent.glob("state.sqlite*"):
        if file.is_file():
            file.unlink()
    one_error(desk.run(), 8, "--start-from")
    assert desk.stats()["accepted"] == 3


def test_a_wrong_key_stops_at_once_and_loses_nothing(desk: Any) -> None:
    """C18."""
    desk.fill(300)
    with running(SandboxSettings(account="shop-1", api_key=Secret("another"))) as url:
        desk.api_url, before = url, desk.api_url
        one_error(desk.run("--start-from", "beginning"), 5)
        assert desk.stats()["accepted"] == 0
    desk.api_url = before
    assert desk.run().summary["sent"] == 300


def test_an_unreachable_api_stops_cleanly_and_the_next_run_goes_on(desk: Any) -> None:
    """C1, C28."""
    desk.fill(30)
    desk.write_mapping(destination="  retry: {give_up_after: 1s, max_backoff: 1s}")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        desk.api_url, before = f"http://127.0.0.1:{closed.getsockname()[1]}", desk.api_url
        ended = desk.run("--start-from", "beginning")
    one_error(ended, 6, "hint:")
    assert ended.summary["unsent"] == 30
    desk.api_url = before
    assert desk.run().summary["sent"] == 30


def test_a_damaged_state_is_refused(desk: Any) -> None:
    """D3."""
    desk.fill(3)
    desk.run("--start-from", "beginning")
    desk.state.write_bytes(b"this is not a database" * 100)
    one_error(desk.run(), 8, "hint:")


def test_a_mistyped_command_names_the_nearest(desk: Any) -> None:
    ended = desk.call("rnu")
    assert ended.code == 2
    assert "did you mean `run`?" in ended.err

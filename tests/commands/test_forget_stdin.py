"""What `forget` takes from stdin: a line for each -, and never the first of a list alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from etl.commands.forget import ForgetCall, forget
from etl.errors import EtlError

NO_FILE = Path("no-such-mapping.yaml")


def refusal(monkeypatch: pytest.MonkeyPatch, stdin: str, emails: tuple[str, ...], userids: tuple[str, ...]) -> str:
    """How a call ends that reads `stdin`: its mapping does not exist, so that it ends in any case."""
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    call = ForgetCall(emails=emails, userids=userids, state="state.sqlite", yes=True)
    with pytest.raises(EtlError) as caught:
        forget((NO_FILE,), call)
    return str(caught.value)


@pytest.mark.parametrize(
    ("stdin", "emails", "userids"),
    [
        ("a@example.com\nb@example.com\n", ("-",), ()),
        ("a@example.com\n\nb@example.com", ("-",), ()),
        ("a@example.com\n7\n8\n", ("-",), ("-",)),
        ("7\n8\n", ("a@example.com",), ("-",)),
    ],
)
def test_a_list_of_people_is_refused_whole(
    monkeypatch: pytest.MonkeyPatch, stdin: str, emails: tuple[str, ...], userids: tuple[str, ...]
) -> None:
    words = refusal(monkeypatch, stdin, emails, userids)
    assert "more lines than were asked for" in words
    assert "example.com" not in words


@pytest.mark.parametrize(
    ("stdin", "emails", "userids"),
    [
        ("a@example.com\n", ("-",), ()),
        ("a@example.com\r\n\n \n", ("-",), ()),
        ("a@example.com\n7\n", ("-",), ("-",)),
        ("not read\n", ("a@example.com",), ()),
    ],
)
def test_a_line_for_each_is_taken(
    monkeypatch: pytest.MonkeyPatch, stdin: str, emails: tuple[str, ...], userids: tuple[str, ...]
) -> None:
    assert "problem in the mapping file" in refusal(monkeypatch, stdin, emails, userids)

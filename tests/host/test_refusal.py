"""What the operating system refuses is told with a hint, and is no bug; anything else is."""

from __future__ import annotations

import errno
import os

import pytest

from etl.errors import HostRefused, StoppedEarly
from etl.host.refusal import refusal_of


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.ENOLCK, errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_refusal_ends_the_run_cleanly(number: int) -> None:
    found = refusal_of(OSError(number, os.strerror(number), "/some/path"), doing="sharing the rate limit")
    assert isinstance(found, StoppedEarly)
    assert found.exit_code == 6
    assert found.message.startswith("sharing the rate limit: ")
    assert found.hint


def test_threads_and_memory_are_refused_in_pythons_own_words() -> None:
    assert isinstance(refusal_of(RuntimeError("can't start new thread")), HostRefused)
    assert isinstance(refusal_of(MemoryError()), HostRefused)


@pytest.mark.parametrize("error", [OSError("no number"), OSError(errno.ENOENT, "x"), RuntimeError("x"), ValueError()])
def test_other_errors_are_none(error: Exception) -> None:
    assert refusal_of(error) is None

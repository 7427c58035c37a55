"""What SQLite says when the disk is full, in its several ways."""

from __future__ import annotations

import sqlite3

import pytest

from etl.errors import StateRefused
from etl.state.trouble import told_as_state


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE])
def test_a_log_whose_index_has_no_room_is_a_full_disk_too(code: int) -> None:
    """On a file system with less than 32 KiB left it calls that an error of the disk, which a person would check."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    with pytest.raises(StateRefused, match="the disk is full"), told_as_state("write", "state.sqlite"):
        raise error

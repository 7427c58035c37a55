"""The spool: a nameless temporary file for the rows of one statement, so that its transaction ends before sending.

The rule: the file is unlinked as soon as it exists, so it never outlives the process, and only this user may read it. A
disk without room for it ends the run before anything is sent.
"""

from __future__ import annotations

import copyreg
import errno
import pickle
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]

# Bytes that stay free on the disk, for the state.
RESERVE_BYTES = 32 * 1024 * 1024
_LOOK_EVERY_BYTES = 8 * 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SpoolFull(Exception):
    """The disk or a quota is full. `rows` were written before, in `size` bytes."""

    def __init__(self, *, rows: int, size: int) -> None:
        super().__init__("the spool is full")
        self.rows = rows
        self.size = size


class SpoolRefused(Exception):
    """The folder takes no file, or a value cannot be written; the text says which, without the value."""


class _Pickler(pickle.Pickler):
    # A pickle restores every driver's values exactly: type, digits, microseconds and zone.
    dispatch_table = copyreg.dispatch_table.copy() | {memoryview: lambda view: (memoryview, (bytes(view),))}


class Spool:
    """Rows in the order in which they were written; written once, then read once."""

    def __init__(self, folder: Path) -> None:
        self.rows = 0
        self._folder = folder
        self._size = 0
        self._looked_at = 0
        try:
            # Created without a name where the file system supports it, otherwise unlinked at once; mode 0600.
            self._file = tempfile.TemporaryFile(dir=folder, buffering=1 << 18)  # noqa: SIM115  # closed by `close`
        except OSError as error:
            raise SpoolRefused(f"{folder} takes no file: {error.strerror}") from error

    def write(self, rows: Sequence[Row]) -> None:
        """Append `rows`.

        Raises:
            SpoolFull: there is no room.
            SpoolRefused: a value cannot be kept.
        """
        try:
            _Pickler(self._file, pickle.HIGHEST_PROTOCOL).dump(list(rows))
            self._size = self._file.tell()
        except OSError as error:
            self._refuse(error)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise SpoolRefused("a value of a type that cannot be kept in a file") from error
        self.rows += len(rows)
        if self._size - self._looked_at > _LOOK_EVERY_BYTES:
            self._looked_at = self._size
            if shutil.disk_usage(self._folder).free < RESERVE_BYTES:
                raise SpoolFull(rows=self.rows, size=self._size)

    def pieces(self) -> Iterator[tuple[list[Row], int]]:
        """Yield what each `write` wrote, in order, with its size in bytes; afterwards nothing can be written any more.

        Raises:
            SpoolFull: there was no room for the last buffered bytes.
        """
        try:
            self._file.flush()
        except OSError as error:
            self._refuse(error)
        self._file.seek(0)
        begin = 0
        # Unpickling can run code from the file; safe here, because no other process ever had this nameless file open.
        while begin < self._size:
            rows = pickle.load(self._file)  # noqa: S301
            end = self._file.tell()
            yield rows, end - begin
            begin = end

    def close(self) -> None:
        """Delete the file."""
        with suppress(OSError):  # bytes that cannot be flushed are not needed any more
            self._file.close()

    def _refuse(self, error: OSError) -> None:
        if error.errno in _FULL:
            raise SpoolFull(rows=self.rows, size=self._size) from error
        raise SpoolRefused(f"{self._folder} takes no file: {error.strerror}") from error

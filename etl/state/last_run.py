"""A note in a file beside the state about its last run, to detect a state restored from an older backup (D15).

The rule: the ledger of a state older than the note is not trusted; and a note that cannot be written never fails a run.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from etl.checkpoint import LastRun
from etl.state.safe_file import make_folder, open_private


def write_note(path: Path, run: LastRun) -> None:
    """Replace the note at `path` atomically; does nothing if the disk refuses."""
    noted = {"run_id": run.run_id, "noted_at": run.noted_at.isoformat(), "stamp": run.stamp, "sent": run.sent}
    text = json.dumps(noted)
    new = path.with_name(path.name + ".new")
    with suppress(OSError):
        make_folder(path.parent)
        descriptor = open_private(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
        new.replace(path)


def remove_note(path: Path) -> None:
    """Remove the note at `path`; does nothing if the disk refuses."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def read_note(path: Path) -> LastRun | None:
    """The note at `path`; None when there is none that can be read."""
    try:
        descriptor = open_private(path, os.O_RDONLY)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            found = json.loads(file.read(4096))
            noted_at = datetime.fromisoformat(found["noted_at"])
            return LastRun(str(found["run_id"]), noted_at, int(found["stamp"]), int(found["sent"]))
        except (OSError, ValueError, LookupError, TypeError):
            return None

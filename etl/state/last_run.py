"""A note beside the state of the last run that was finished, so that a state from an older backup can be told (D15).

The rule: the note is a hint for people only; nothing is decided by it, and a run never fails for it.
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
    """Replace the note at `path`, whole or not at all; not at all when the disk does not let us."""
    text = json.dumps({"run_id": run.run_id, "finished_at": run.finished_at.isoformat(), "sent": run.sent})
    new = path.with_name(path.name + ".new")
    with suppress(OSError):
        make_folder(path.parent)
        descriptor = open_private(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
        new.replace(path)


def read_note(path: Path) -> LastRun | None:
    """The note at `path`; None when there is none that can be read."""
    try:
        descriptor = open_private(path, os.O_RDONLY)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            found = json.loads(file.read(4096))
            return LastRun(str(found["run_id"]), datetime.fromisoformat(found["finished_at"]), int(found["sent"]))
        except (OSError, ValueError, LookupError, TypeError):
            return None

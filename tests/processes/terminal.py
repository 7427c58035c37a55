"""Programs that a test starts, as if from a terminal."""

from __future__ import annotations

import signal


def as_from_a_terminal() -> None:
    """For `preexec_fn`: under nohup, or in a shell's background, the suite ignores signals, and its children would."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)

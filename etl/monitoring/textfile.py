"""The file that the node exporter's textfile collector reads.

The rule: a reader sees a whole file, and a run replaces its own mapping's figures only, also when two runs end
in the same moment. https://github.com/prometheus/node_exporter#textfile-collector
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from etl.host.whole_file import write_whole
from etl.monitoring.ending import Ending
from etl.monitoring.metrics import HELP, PREFIX, Figures, Series, figures_of, registry_of, replaced_by

LOCK_SECONDS = 5.0
LOCK_POLL_SECONDS = 0.02


class MetricsNotWrittenError(Exception):
    """The file could not be written; the text says why, for people."""


def write_metrics(path: Path, ending: Ending) -> None:
    """Put the figures of `ending` into the file `path` (0644), beside those of other mappings and commands.

    Raises `MetricsNotWrittenError`; then the file is as it was.
    """
    try:
        with _alone_in(path.parent):
            kept = {series: value for series, value in _read(path).items() if not replaced_by(ending, series)}
            figures = {**kept, **figures_of(ending)}
            write_whole(path, generate_latest(registry_of(figures)), mode=0o644)
    except OSError as problem:
        raise MetricsNotWrittenError(f"{path}: {problem.strerror}") from problem


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    # The folder itself is locked, so that no lock file is left in it. A process that waits too long writes anyway: a
    # figure lost once comes back with the next run.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    last = time.monotonic() + LOCK_SECONDS
    try:
        while time.monotonic() < last:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # At the very end of a command and for five seconds at most, so a stop request need not interrupt it.
                time.sleep(LOCK_POLL_SECONDS)
            except OSError as problem:
                if problem.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF):
                    raise
                break
            else:
                break
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> Figures:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise MetricsNotWrittenError(f"{path} is no text file; give a file of its own") from None
    found: Figures = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name = sample.name.removeprefix(PREFIX)
                if name == sample.name:
                    raise MetricsNotWrittenError(f"{path} holds figures of something else; give a file of its own")
                if name in HELP:
                    found[Series(name, tuple(sorted(sample.labels.items())))] = sample.value
    except ValueError:
        raise MetricsNotWrittenError(f"{path} is no file of figures; move it away, or give another") from None
    return found

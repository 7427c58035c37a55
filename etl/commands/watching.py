"""`preview --watch`: on each save of the mapping the same rows are shown again, with what changed in their events.

The rule: an error is shown instead of the rows, and the next save is waited for. Files are polled, because file-system
events do not cross mounts and networks, and miss editors that save by renaming.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from etl.commands.preview import Before, PreviewCall, preview_rows, show_row
from etl.errors import EtlError
from etl.mapping.load import load_mapping
from etl.mapping.model import Mapping
from etl.page import Key
from etl.screen.messages import show_error, tell
from etl.screen.wording import counted

if TYPE_CHECKING:
    from etl.clock import Clock
    from etl.job.preview import PreviewedRow

LOOK_EVERY_SECONDS = 0.3
Event: TypeAlias = "dict[str, object] | None"


class _Files:
    """The files that a mapping is made of: itself, its own steps, and what `${file:…}` names."""

    def __init__(self, mapping: Path) -> None:
        self._mapping = mapping
        self._contents: dict[Path, bytes | None] = {}

    @property
    def names(self) -> str:
        """Their names, for a person."""
        return ", ".join(path.name for path in self._contents)

    def begin(self) -> None:
        """A load begins: only what it reads counts from now on."""
        self._contents = {self._mapping: None}

    def read(self, path: Path) -> bytes:
        """The content of `path`, which is watched from now on. Raises OSError."""
        self._contents[path] = None
        self._contents[path] = path.read_bytes()
        return self._contents[path] or b""

    def wait_for_a_save(self, clock: Clock) -> None:
        """Return once a file has another content, and has kept it for a moment: an editor may write it in pieces."""
        known, before = self._contents, self._contents
        while True:
            clock.wait(LOOK_EVERY_SECONDS)
            now = {path: _content(path) for path in known}
            if now == before and now != known:
                return
            before = now


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def watch_preview(path: Path, call: PreviewCall, *, clock: Clock) -> None:
    """Show rows of the mapping at `path` and show them again after each save, until the process is interrupted."""
    files, shown = _Files(path), _Shown(call)
    while True:
        files.begin()
        if sys.stdout.isatty():
            click.clear()
        try:
            shown.show(load_mapping(path, environment=os.environ, read_file=files.read, access_needed=False))
        except EtlError as error:
            show_error(error)
        tell(f"watching {files.names}: save to look again, Ctrl-C ends it")
        files.wait_for_a_save(clock)


class _Shown:
    """The rows on the screen, and what they became when they were shown last."""

    def __init__(self, call: PreviewCall) -> None:
        self._call = call
        self._of: object = None
        self._before: dict[Key, Event] | None = None

    def show(self, mapping: Mapping) -> None:
        """Show the same rows as before, or the first ones where `mapping` reads something else. Raises `EtlError`."""
        source = mapping.source
        of = (source.url.reveal(), source.table, source.query, source.primary_key)
        before = self._before if of == self._of else None
        rows = self._rows(mapping, None if before is None else list(before))
        self._of, self._before = of, {row.key: row.event for row in rows}
        for row in rows:
            show_row(row, mask=self._call.mask, before=None if before is None else Before(before[row.key]))
        said = counted(len(rows), "row") if before is None else _what_changed(rows, before)
        click.echo(f"{said}; nothing was sent")

    def _rows(self, mapping: Mapping, again: Sequence[Key] | None) -> list[PreviewedRow]:
        call = self._call
        if again is None:
            return list(preview_rows(mapping, limit=call.limit, keys=call.keys, invalid=call.invalid))
        found = {row.key: row for row in preview_rows(mapping, limit=call.limit, keys=(), invalid=False, again=again)}
        return [found[key] for key in again if key in found]


def _what_changed(rows: Sequence[PreviewedRow], before: dict[Key, Event]) -> str:
    fields: Counter[str] = Counter()
    changed = 0
    for row in rows:
        old, new = before[row.key] or {}, row.event or {}
        differing = [name for name in {**old, **new} if name not in old or name not in new or old[name] != new[name]]
        fields.update(differing)
        changed += bool(differing)
    gone = f"; {counted(len(before) - len(rows), 'row')} not read any more" if len(before) > len(rows) else ""
    what = ", ".join(f"{name} {count:,}" for name, count in fields.most_common())
    return (f"{changed:,} of {counted(len(rows), 'event')} changed: {what}" if changed else "no event changed") + gone

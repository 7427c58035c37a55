"""Drafts a mapping and writes it, to a file or to stdout; what to look at goes to stderr.

The rule: a file that is there stays as it is unless the person said --yes, and it is replaced whole or not at all.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from etl.drafting.choose import choose
from etl.drafting.draft import Draft
from etl.drafting.facts import TableFacts
from etl.drafting.look import look_at
from etl.drafting.url import VARIABLE, url_for_file
from etl.drafting.write import remark_lines, write_mapping
from etl.errors import UsageProblem
from etl.host.system_clock import SystemClock
from etl.mapping.load import parse_mapping
from etl.mapping.variables import resolve


def write_initial(url: str, table: str, *, output: Path | None, overwrite: bool) -> None:
    """Write the drafted mapping of `table` at `url`.

    Raises:
        UsageProblem: the file is there already, or cannot be written; the URL is wrong.
        SourceFailed, SourceMismatch: as `look_at`.
    """
    if output is not None and output.exists() and not overwrite:
        raise UsageProblem(f"{output} is there already", hint="choose another name, or say --yes to overwrite it")
    clear, written, reason = _url(url)
    facts = look_at(clear, table, clock=SystemClock())
    draft = choose(facts)
    text = write_mapping(facts, draft, url=written, url_reason=reason)
    path = output or Path(f"{facts.name}.yaml")
    # What is written is read back: a draft that does not load is a bug of ours, and must not reach a file.
    parse_mapping(text.encode(), path=path, environment=os.environ, read_file=Path.read_bytes, resolve_variables=False)
    if output is None:
        click.echo(text, nl=False)
    else:
        _replace(output, text)
    for line in _notes(facts, draft, written=written, output=output):
        click.echo(line, err=True)


def _url(url: str) -> tuple[str, str, str]:
    """The URL in clear, as the file has it, and why."""
    if "${" not in url:
        return url, *url_for_file(url)
    resolved = resolve(url, environment=os.environ, read_file=Path.read_bytes, unset_allowed=False)
    if resolved.findings:
        raise UsageProblem(f"URL: {resolved.findings[0].words}")
    url_for_file(str(resolved.data))
    return str(resolved.data), url, "as it was given"


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}") from error


def _notes(facts: TableFacts, draft: Draft, *, written: str, output: Path | None) -> list[str]:
    notes = remark_lines(draft.remarks)
    if not facts.key.sure:
        notes += remark_lines([f"primary_key: {facts.key.reason}"])
    if facts.cursor is None:
        notes.append("! no cursor_field: every run reads all rows")
    elif not facts.cursor.indexed:
        notes.append("! cursor_field is not indexed: each page reads the whole table")
    if facts.cursor is not None and facts.cursor.without:
        notes.append(f"! {facts.cursor.without} rows have no value in cursor_field, and are skipped")
    if VARIABLE in written:
        notes.append(f"the URL holds a password, so the mapping names the variable {VARIABLE}: set it before a run")
    where = output or "FILE"
    count = f"{len(draft.fields)} fields, {len(draft.customs)} more columns as comments"
    if output is not None:
        notes.append(f"wrote {output}: {count}")
    notes.append(f"next: squeezely-etl validate {where} --connect && squeezely-etl preview {where}")
    return notes

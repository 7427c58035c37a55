"""Drafts a mapping and writes it to a file or to stdout; remarks go to stderr.

The rule: an existing file is replaced only with --yes, and atomically.
"""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from pathlib import Path

import click

from etl.drafting.choose import choose, with_stand_in
from etl.drafting.draft import Draft
from etl.drafting.facts import TableFacts
from etl.drafting.lines import remark_lines
from etl.drafting.look import look_at
from etl.drafting.overview import KINDS, candidates_of
from etl.drafting.url import VARIABLE, WrittenUrl, url_for_file, variable_of
from etl.drafting.write import mapping_name, write_mapping
from etl.errors import MappingInvalid, UsageProblem
from etl.host.system_clock import SystemClock
from etl.host.whole_file import write_whole
from etl.mapping.load import parse_mapping
from etl.mapping.schema import schema_text
from etl.mapping.variables import resolve

SCHEMA_FILE = "mapping.schema.json"


def draft_mapping(url: str, table: str | None, *, query: Path | None, output: Path | None, yes: bool) -> None:
    """Write the drafted mapping, or list the tables at `url` when neither `table` nor `query` is given."""
    if table is None and query is None:
        list_tables(url, output=output)
    else:
        write_initial(url, table, query=query, output=output, overwrite=yes)


def write_initial(url: str, table: str | None, *, query: Path | None, output: Path | None, overwrite: bool) -> None:
    """Write the drafted mapping of `table` at `url`, or of the SELECT in the file `query`.

    Raises:
        UsageProblem: the file is there already, or cannot be written; the URL is wrong, or in the table's place.
        SourceFailed, SourceMismatch: as `look_at`.
    """
    if table is not None and "://" in table:
        raise UsageProblem("a URL stands where the name of a table belongs", hint="init URL TABLE, in this order")
    if table is not None and query is not None:
        raise UsageProblem("a table and a query are given", hint="init URL TABLE, or init URL --query FILE")
    if output is not None and output.exists() and not overwrite:
        raise UsageProblem(f"{output} is there already", hint="choose another name, or say --yes to overwrite it")
    written = _url(url)
    select = None if query is None else _select(query)
    facts = look_at(written.clear, table or (query or Path("query")).stem, query=select, clock=SystemClock())
    draft = choose(facts)
    path = output or Path(f"{mapping_name(facts.name)}.yaml")
    look = f"squeezely-etl preview {shlex.quote(str(path))} --limit 3"
    text = write_mapping(facts, draft, url=written.text, url_reason=written.reason, look=look)
    _check(facts, draft, written, path)
    if output is None:
        click.echo(text, nl=False)
    else:
        _replace(output, text)
        _write_schema(output.parent)
    for line in _notes(facts, draft, written=written, output=output):
        click.echo(line, err=True)


def list_tables(url: str, *, output: Path | None) -> None:
    """Print the tables at `url` that look like customers, orders or subscriptions, each with the command to draft it.

    Raises:
        UsageProblem: a file is named, but no table; the URL is wrong.
        SourceFailed: as `candidates_of`.
    """
    if output is not None:
        raise UsageProblem("no table is named for the file", hint="init URL lists the tables; init URL TABLE -o FILE")
    written = _url(url)
    found, tables = candidates_of(written.clear, clock=SystemClock())
    names = Counter(mapping_name(one.table) for one in found)
    for kind in KINDS:
        named = [one.table for one in found if one.kind == kind]
        click.echo(f"{kind}: {'' if named else 'no table looks like them'}".rstrip())
        for name in named:
            # Tables of one name in two schemas do not share a file.
            stem = mapping_name(name) if names[mapping_name(name)] == 1 else mapping_name(name.replace(".", "_"))
            click.echo(
                f"  squeezely-etl init {shlex.quote(written.argument)} {shlex.quote(name)} -o mappings/{stem}.yaml"
            )
    click.echo(f"of {tables} tables and views; any other: squeezely-etl init URL TABLE", err=True)
    if written.is_missing:
        click.echo(_set_first(), err=True)


def _url(url: str) -> WrittenUrl:
    """The URL in clear, as the file has it, and why."""
    if re.fullmatch(r"\$[A-Za-z_]\w*", url):
        raise UsageProblem("URL is a variable without braces", hint=f"write '${{{url[1:]}}}', in single quotes")
    if "${" not in url:
        return url_for_file(url, variable=variable_of(url, os.environ))
    resolved = resolve(url, environment=os.environ, read_file=Path.read_bytes, unset_allowed=False)
    if resolved.findings:
        raise UsageProblem(f"URL: {resolved.findings[0].words}")
    clear = str(resolved.data)
    url_for_file(clear, variable=None)
    return WrittenUrl(clear, url, "as it was given", argument=url)


def _select(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip().rstrip(";").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read as a text: {type(error).__name__}") from None


def _check(facts: TableFacts, draft: Draft, written: WrittenUrl, path: Path) -> None:
    """What is written is read back: a draft that does not load is a bug of ours, and must not reach a file.

    A draft that lacks an identity or products is refused on purpose; then all the rest has to load.
    """
    text = write_mapping(facts, with_stand_in(draft), url=written.text, url_reason=written.reason, look="")
    try:
        parse_mapping(
            text.encode(), path=path, environment=os.environ, read_file=Path.read_bytes, resolve_variables=False
        )
    except MappingInvalid as invalid:
        meant = "products" if draft.event == "Purchase" and draft.products is None else None
        if meant is None or any(meant not in one for one in invalid.problems):
            raise


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode(), mode=0o644)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}") from error


def _write_schema(folder: Path) -> None:
    """Put the schema beside the mapping, where its first line names it for editors; one that is there stays."""
    if not (folder / SCHEMA_FILE).exists():
        _replace(folder / SCHEMA_FILE, schema_text())


def _set_first() -> str:
    return (
        f"the URL holds a password or what may be one, so {VARIABLE} stands for it: before anything else, "
        f"read -rs {VARIABLE} && export {VARIABLE}"
    )


def _notes(facts: TableFacts, draft: Draft, *, written: WrittenUrl, output: Path | None) -> list[str]:
    notes = remark_lines(draft.remarks)
    if not facts.key.sure:
        notes += remark_lines([f"primary_key: {facts.key.reason}"])
    if facts.cursor is None:
        notes.append("! no cursor_field: every run reads all rows")
        notes += remark_lines([facts.no_cursor]) if facts.no_cursor else []
    elif not facts.cursor.indexed:
        notes.append("! cursor_field is not indexed: each run reads the whole table")
    if draft.stand_in is not None:
        notes.append("! validate refuses the draft until email or userid is mapped")
    if written.is_missing:
        notes.append(_set_first())
    where = shlex.quote(str(output)) if output is not None else "FILE"
    count = f"{len(draft.fields)} fields, {len(draft.customs)} more columns as comments"
    if output is not None:
        notes.append(f"wrote {output}: {count}")
    else:
        notes.append(f"put the schema beside the file for editors: squeezely-etl schema -o {SCHEMA_FILE}")
    notes.append(f"next: squeezely-etl validate {where} --connect && squeezely-etl preview {where}")
    return notes

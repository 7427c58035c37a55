"""Prints the JSON Schema of the mapping file, or writes it beside the mappings."""

from __future__ import annotations

from pathlib import Path

import click

from etl.errors import UsageProblem
from etl.mapping.schema import schema_text


def write_schema(*, output: Path | None) -> None:
    """Write the schema to `output`; None: to stdout. Raises `UsageProblem` where it cannot be written."""
    if output is None:
        click.echo(schema_text(), nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"{output} cannot be written: {error.strerror}") from error

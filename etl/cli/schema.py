"""`schema`: the JSON Schema of the mapping file."""

from __future__ import annotations

import json

import click

from etl.cli.described import Described


@click.command(cls=Described, epilog="Example: squeezely-etl schema > mappings/mapping.schema.json")
def schema() -> None:
    """Print the JSON Schema of the mapping file.

    Editors complete and check mapping files with it.
    """
    from etl.mapping.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))

"""A small mapping as a file, with whatever a test adds to it, and the command line over it."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from etl.cli.commands import squeezely_etl

MAPPING = """\
version: 1
name: people
source: {{url: "${{PEOPLE_URL}}", table: people, primary_key: id, cursor_field: updated_at, timezone: UTC}}
event: PersonUpdated
fields:
  email: email
  firstname: {{column: name, transform: [title]}}
  currency: currency
  custom_points: points
  custom_since: since
  timestamp: updated_at
{more}
"""


def write(folder: Path, more: str = "", *, name: str = "people.yaml") -> Path:
    path = folder / name
    path.write_text(MAPPING.format(more=more))
    return path


def call(*arguments: object) -> Result:
    """The command with `arguments` in this process; `return_value` is its exit code."""
    return CliRunner().invoke(
        squeezely_etl, [str(one) for one in arguments], standalone_mode=False, catch_exceptions=False
    )

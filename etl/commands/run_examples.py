"""Runs the examples of mappings and shows which pass, and where the others differ.

The rule: a failing test says path, expected and got, so that two events need not be compared by eye.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import click

from etl.commands.loading import load
from etl.errors import UsageProblem
from etl.exact import printable
from etl.host.system_clock import SystemClock
from etl.mapping.model import Mapping
from etl.screen.json_line import json_line
from etl.transform.examples import Absent, Difference, ExampleResult, run_examples


def run_and_show(paths: tuple[Path, ...], *, output: str) -> int:
    """Run the examples of every mapping of `paths` and print the results; 0 when all pass.

    Raises `MappingInvalid` with the problems of all files.
    """
    failed = 0
    for mapping in load(paths, resolve_variables=False):
        results = run_examples(mapping, today=SystemClock().utc_now().date())
        failed += sum(not one.passed for one in results)
        if output == "json":
            click.echo(json_line(_as_dict(mapping, results)))
        else:
            _show(mapping, results)
    return UsageProblem.exit_code if failed else 0


def _as_dict(mapping: Mapping, results: Sequence[ExampleResult]) -> dict[str, object]:
    return {
        "mapping": mapping.name,
        "file": str(mapping.path),
        "passed": sum(one.passed for one in results),
        "failed": sum(not one.passed for one in results),
        "tests": [
            {
                "name": one.name,
                "passed": one.passed,
                "differences": [
                    {"path": found.path, "expected": _text(found.expected), "got": _text(found.got)}
                    for found in one.differences
                ],
                "problems": [
                    {"field": found.field, "code": found.code, "message": found.message} for found in one.problems
                ],
            }
            for one in results
        ],
    }


def _show(mapping: Mapping, results: Sequence[ExampleResult]) -> None:
    if not results:
        click.echo(f"{mapping.name}: no tests; `preview --key K --as-test` writes one from a real row")
        return
    for result in results:
        if result.passed:
            click.echo(f"  {click.style('✓', fg='green')} {printable(result.name)}")
            continue
        click.echo(f"  {click.style('✗', fg='red')} {printable(result.name)}")
        for line in _difference_lines(result.differences):
            click.echo(f"      {line}")
        for problem in result.problems:
            click.echo(f"      {problem.field}: {problem.message} [{problem.code}]")
    failed = sum(not one.passed for one in results)
    tests = "1 test" if len(results) == 1 else f"{len(results)} tests"
    click.echo(f"{mapping.name}: {tests}, {f'{failed} failed' if failed else 'all pass'}")


def _difference_lines(differences: Sequence[Difference]) -> list[str]:
    width = max(len(one.path) for one in differences)
    lines = []
    for one in differences:
        lines.append(f"{one.path:<{width}}  expected  {_text(one.expected)}")
        lines.append(f"{'':<{width}}  got       {_text(one.got)}")
    return lines


def _text(value: object) -> str:
    """A value as JSON, so that the text "1" and the number 1 look different."""
    if isinstance(value, Absent):
        return "nothing"
    return printable(_json(value))


def _json(value: object) -> str:
    match value:
        case Decimal():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{json.dumps(str(key))}: {_json(one)}" for key, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_json, value)) + "]"
        case _:
            return json_line(value)

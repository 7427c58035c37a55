"""Checks mappings offline, and with `--connect` against database and account; errors and warnings told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click

from etl.api.client import ApiClient
from etl.api.credentials import CredentialOutcome
from etl.cli.loading import load_each
from etl.cli.wording import counted
from etl.errors import EtlError, MappingInvalid, worst_exit_code
from etl.host.system_clock import SystemClock
from etl.job.mapping_constants import constant_findings
from etl.mapping.document import lines
from etl.mapping.model import Mapping
from etl.mapping.yaml_reader import read_yaml
from etl.source.open import open_source


@dataclass(frozen=True, slots=True)
class Remark:
    """One line of the result. `code` is the exit code that it asks for: 0 for a warning."""

    level: Literal["error", "warning"]
    text: str
    hint: str | None = None
    code: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All remarks on one file; `subject` is the mapping's name, or the file's when it could not be loaded."""

    path: Path
    subject: str
    remarks: tuple[Remark, ...]
    summary: str = ""

    @property
    def exit_code(self) -> int:
        """The worst code that a remark asks for."""
        return worst_exit_code([remark.code for remark in self.remarks])


def validate_all(paths: tuple[Path, ...], *, connect: bool, output: str) -> int:
    """Check every mapping of `paths` and print the reports; returns the worst exit code."""
    reports = [_report(path, loaded, connect=connect) for path, loaded in load_each(paths)]
    for report in reports:
        if output == "json":
            click.echo(json.dumps(_as_dict(report), ensure_ascii=False))
        else:
            _show(report)
    return worst_exit_code([report.exit_code for report in reports])


def _report(path: Path, loaded: Mapping | MappingInvalid, *, connect: bool) -> Report:
    if isinstance(loaded, MappingInvalid):
        remarks = tuple(Remark("error", problem, code=2) for problem in loaded.problems)
        return Report(path, path.stem, remarks or (Remark("error", loaded.message, loaded.hint, code=2),))
    found = [Remark("error", line, code=2) for line in _constants(loaded)]
    found.extend(Remark("warning", warning) for warning in loaded.warnings)
    summary = f"{len(loaded.fields)} fields"
    if connect:
        found.extend(_database(loaded))
        found.extend(_credentials(loaded))
        destination = loaded.destination
        summary += f", account {destination.account} at {urlsplit(destination.url).hostname}"
    return Report(path, loaded.name, tuple(found), summary)


def _constants(mapping: Mapping) -> tuple[str, ...]:
    found = list(constant_findings(mapping))
    # The file is read once more for the places of what is wrong, which a loaded mapping no longer knows.
    return lines(read_yaml(mapping.path.read_bytes()), found, file=str(mapping.path)) if found else ()


def _database(mapping: Mapping) -> Iterator[Remark]:
    try:
        source = open_source(mapping, clock=SystemClock())
    except EtlError as error:
        yield Remark("error", error.message, error.hint, code=error.exit_code)
        return
    try:
        for finding in source.preflight(mapping):
            code = 2 if finding.level == "error" else 0
            yield Remark(finding.level, f"{finding.path}: {finding.message}", finding.hint, code=code)
    except EtlError as error:
        yield Remark("error", error.message, error.hint, code=error.exit_code)
    finally:
        source.close()


def _credentials(mapping: Mapping) -> Iterator[Remark]:
    try:
        client = ApiClient(mapping.destination, clock=SystemClock())
        try:
            check = client.verify_credentials()
        finally:
            client.close()
    except EtlError as error:
        yield Remark("error", error.message, error.hint, code=error.exit_code)
        return
    if check.outcome is not CredentialOutcome.VERIFIED and check.error is not None:
        yield Remark("error", check.error.message, check.error.hint, code=check.error.exit_code)


def _as_dict(report: Report) -> dict[str, object]:
    return {
        "mapping": report.subject,
        "file": str(report.path),
        "valid": report.exit_code == 0,
        "exit_code": report.exit_code,
        "errors": [_remark(remark) for remark in report.remarks if remark.level == "error"],
        "warnings": [_remark(remark) for remark in report.remarks if remark.level == "warning"],
    }


def _remark(remark: Remark) -> dict[str, object]:
    return {"message": remark.text, "hint": remark.hint}


def _show(report: Report) -> None:
    for remark in report.remarks:
        click.echo(f"{remark.level}: {remark.text}")
        if remark.hint:
            click.echo(f"  hint: {remark.hint}")
    errors = sum(remark.level == "error" for remark in report.remarks)
    warnings = len(report.remarks) - errors
    if errors:
        click.echo(f"{report.path}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    else:
        note = f", {counted(warnings, 'warning')}" if warnings else ""
        click.echo(f"{report.path}: valid ({report.summary}{note})")

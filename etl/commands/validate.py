"""Checks mappings offline, and with `--connect` against database and account; errors and warnings told apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from etl.checkpoint import DEFAULT_STATE
from etl.commands.changed_files import ChangedFiles, RememberedFiles
from etl.commands.loading import load_each
from etl.errors import MappingInvalid, UsageProblem, worst_exit_code
from etl.exact import printable
from etl.mapping.destination import Destination
from etl.mapping.document import Finding, lines
from etl.mapping.model import Mapping
from etl.mapping.yaml_reader import read_yaml
from etl.screen.json_line import json_line
from etl.screen.wording import counted
from etl.secret import shown_account

if TYPE_CHECKING:
    from etl.job.account_needs import FieldToCreate


@dataclass(frozen=True, slots=True)
class Remark:
    """One line of the result. `code` is the exit code that it asks for: 0 for a warning."""

    level: Literal["error", "warning"]
    text: str
    hint: str | None = None
    code: int = 0


@dataclass(frozen=True, slots=True)
class Validation:
    """All remarks on one file; `subject` is the mapping's name, or the file's when it could not be loaded.

    `reading` says how the rows are read, and why; "" when the database was not asked. `key` is what the API says of the
    key: right, wrong or unclear; "" when it did not say. `to_create` lists the custom fields of the account.
    """

    path: Path
    subject: str
    remarks: tuple[Remark, ...]
    summary: str = ""
    reading: str = ""
    key: str = ""
    to_create: tuple[FieldToCreate, ...] = ()

    @property
    def exit_code(self) -> int:
        """The worst code that a remark asks for."""
        return worst_exit_code([remark.code for remark in self.remarks])


def validate_all(paths: tuple[Path, ...], *, connect: bool, changed_since: str | None, state: str, output: str) -> int:
    """Check the mappings of `paths` and print the reports; returns the worst exit code.

    state: where runs keep theirs; looked at with `connect` alone, for the account's rate and pauses.
    changed_since: only those that differ from this revision of git, own steps and other files of theirs included.
    """
    reading = RememberedFiles()
    loaded = [(*one, reading.taken()) for one in load_each(paths, access_needed=False, read_file=reading)]
    names = Counter(one.name for _, one, _ in loaded if isinstance(one, Mapping))
    changed = loaded
    if changed_since is not None:
        files = ChangedFiles(changed_since, folder=loaded[0][0].absolute().parent)
        changed = [one for one in loaded if files.among(one[2])]
    reports = [_report(path, one, connect=connect, state=state, names=names) for path, one, _ in changed]
    for report in reports:
        if output == "json":
            click.echo(json_line(_as_dict(report)))
        else:
            _show(report)
    if changed_since is not None and output == "text":
        click.echo(f"{len(changed)} of {counted(len(loaded), 'mapping')} changed since {printable(changed_since)}")
    return worst_exit_code([report.exit_code for report in reports])


def remarks_on(path: Path, *, connect: bool, state: str = DEFAULT_STATE) -> tuple[Remark, ...]:
    """All remarks on the mapping in the file at `path`."""
    ((_, loaded),) = load_each((path,), access_needed=False)
    names = Counter([loaded.name]) if isinstance(loaded, Mapping) else Counter[str]()
    return _report(path, loaded, connect=connect, state=state, names=names).remarks


def _report(
    path: Path, loaded: Mapping | MappingInvalid, *, connect: bool, state: str, names: Counter[str]
) -> Validation:
    if isinstance(loaded, MappingInvalid):
        remarks = tuple(Remark("error", problem, code=2) for problem in loaded.problems)
        return Validation(path, path.stem, remarks or (Remark("error", loaded.message, loaded.hint, code=2),))
    found = [Remark("error", line, code=2) for line in _constants(loaded)]
    if names[loaded.name] > 1:
        hint = "give each mapping a name of its own: name: …"
        found.append(Remark("error", f"name: {loaded.name} is used twice; a name is one checkpoint", hint, code=2))
    found.extend(Remark("warning", warning) for warning in loaded.warnings)
    unset = list(unset_access(loaded.destination))
    if not connect:
        found.extend(_address(loaded))
        found.extend(
            Remark("warning", f"{one} is not set here; a run needs it, and so does --connect") for one in unset
        )
    summary = f"{len(loaded.fields)} fields, {where_to(loaded.destination)}"
    if not connect:
        return Validation(path, loaded.name, tuple(found), summary)
    from etl.commands.validate_connected import connected

    told = connected(loaded, state=state)
    return Validation(
        path, loaded.name, (*found, *told.remarks), summary, told.reading, told.key, tuple(told.to_create)
    )


def where_to(destination: Destination) -> str:
    """Where events would go, without a secret: `to account 12345 at api.squeezely.tech`."""
    account = destination.account if is_unset(destination.account) else shown_account(destination.account)
    return f"to account {account} at {destination.host}"


def is_unset(text: str) -> bool:
    """Whether `text` is a variable as it is written, because it is not set here."""
    return re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", text) is not None


def unset_access(destination: Destination) -> Iterator[str]:
    """The account and the key, if their variables are not set here: only a run needs them."""
    for name, text in (("account", destination.account), ("api_key", destination.api_key.reveal())):
        if is_unset(text):
            yield f"destination.{name}: {text}"


def _constants(mapping: Mapping) -> tuple[str, ...]:
    rules = [*mapping.fields.values(), *(() if mapping.products is None else mapping.products.fields.values())]
    if all(rule.value is None and rule.default is None for rule in rules):
        return ()
    from etl.transform.constants import constant_findings

    found = list(constant_findings(mapping))
    # The file is read again for line and column, which a loaded mapping no longer has.
    return lines(read_yaml(mapping.path.read_bytes()), found, file=str(mapping.path)) if found else ()


# Such a URL can only be wrong in ways that need a connection; a closer check takes as long as all others together.
_PLAIN_URL = re.compile(
    r"(?:postgres(?:ql)?|mysql|mariadb)://(?:[^@/?#:]+(?::[^@/?#:]*)?@)?[\w.-]*(?::\d{1,5})?(?:/[\w.-]*)?|sqlite:///[^?@]*"
)


def _address(mapping: Mapping) -> Iterator[Remark]:
    """What is wrong with the database's URL, where it is known here."""
    url = mapping.source.url.reveal()
    if url.startswith("${") or _PLAIN_URL.fullmatch(url):
        return
    from etl.source.address import check_address

    try:
        check_address(url)
    except UsageProblem as error:
        words = error.message.removeprefix("source.url").removeprefix(":").strip()
        place = lines(read_yaml(mapping.path.read_bytes()), [Finding(("source", "url"), words)], file=str(mapping.path))
        yield from (Remark("error", line, error.hint, code=2) for line in place)


def _as_dict(report: Validation) -> dict[str, object]:
    return {
        "mapping": report.subject,
        "file": str(report.path),
        "valid": report.exit_code == 0,
        "exit_code": report.exit_code,
        "errors": [_remark(remark) for remark in report.remarks if remark.level == "error"],
        "warnings": [_remark(remark) for remark in report.remarks if remark.level == "warning"],
        **({"reading": report.reading} if report.reading else {}),
        **({"key": report.key} if report.key else {}),
        **({"to_create": [one._asdict() for one in report.to_create]} if report.to_create else {}),
    }


def _remark(remark: Remark) -> dict[str, object]:
    return {"message": remark.text, "hint": remark.hint}


def _show(report: Validation) -> None:
    for remark in report.remarks:
        click.echo(f"{remark.level}: {remark.text}")
        if remark.hint:
            click.echo(f"  hint: {remark.hint}")
    if report.reading:
        click.echo(f"{report.path}: {report.reading}")
    if report.to_create:
        click.echo(f"{report.path}: to create in the account, or they are dropped without a word:")
        widest = max(len(one.field) for one in report.to_create)
        for one in report.to_create:
            click.echo(f"  {one.field:<{widest}}  {one.kind:<6}  such as {one.example}")
    if report.key:
        click.echo(f"{report.path}: the API key is {report.key}")
    errors = sum(remark.level == "error" for remark in report.remarks)
    warnings = len(report.remarks) - errors
    if errors:
        click.echo(f"{report.path}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    else:
        note = f", {counted(warnings, 'warning')}" if warnings else ""
        click.echo(f"{report.path}: valid ({report.summary}{note})")

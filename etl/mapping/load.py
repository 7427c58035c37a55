"""From a mapping file to a `Mapping`, or to all of its problems at once.

Nothing is half loaded: either every check passed, or `MappingInvalid` carries one line a problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Environment
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from etl.errors import MappingInvalid, WrongFile
from etl.mapping import checks
from etl.mapping.document import Document, Finding, lines, placed_words
from etl.mapping.document import Path as KeyPath
from etl.mapping.model import Mapping, MappingFile, parse_mapping_name
from etl.mapping.own_steps import OwnSteps, StepsFileError, name_own_steps, parse_steps_file, steps_in
from etl.mapping.translate import findings_of
from etl.mapping.variables import Resolved, resolve
from etl.mapping.yaml_reader import read_yaml
from etl.secret import is_plain_name

ReadFile = Callable[[Path], bytes]

_LEFT_OUT = "…"
# The line of the name, in a file that is no YAML.
_NAME = re.compile(rb"^name:[ \t]*[\"']?([A-Za-z0-9_.-]+)[\"']?[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_WORDS = re.compile(r"(?!.*://)[\w$ ./,:(){}%!'-]{0,60}")
_ACCESS: frozenset[KeyPath] = frozenset({("destination", "account"), ("destination", "api_key")})
_DEFAULT_ACCESS = {"account": "${SQUEEZELY_ACCOUNT}", "api_key": "${SQUEEZELY_API_KEY}"}


def load_mapping(
    path: Path,
    *,
    environment: Environment[str, str],
    read_file: ReadFile,
    resolve_variables: bool = True,
    access_needed: bool = True,
) -> Mapping:
    """The mapping in the file at `path`.

    environment: where `${VAR}` is looked up. read_file: reads the mapping and `${file:…}`; raises OSError.
    resolve_variables: False leaves variables that are not set as they are written, for work that needs no secret.
    access_needed: False leaves only those of the account and its key, for work that asks the database alone.

    Raises `MappingInvalid` with every problem of the file.
    """
    try:
        content = read_file(path)
    except OSError as error:
        cause = error.strerror or "unknown cause"
        problems = (f"{path}:1:1  cannot be read: {cause}",)
        raise MappingInvalid(
            f"the mapping {path} cannot be read: {cause}",
            problems=problems,
            files=(WrongFile(path, _name_of(path, None, b""), problems, (f"cannot be read: {cause}",)),),
            hint="give the path of a mapping file, such as mappings/customers.yaml",
        ) from error
    return parse_mapping(
        content,
        path=path,
        environment=environment,
        read_file=read_file,
        resolve_variables=resolve_variables,
        access_needed=access_needed,
    )


def parse_mapping(  # noqa: PLR0913 - what decides how a file is read
    content: bytes,
    *,
    path: Path,
    environment: Environment[str, str],
    read_file: ReadFile,
    resolve_variables: bool = True,
    access_needed: bool = True,
) -> Mapping:
    """The mapping in `content`, read before from `path`; otherwise as `load_mapping`."""
    document = read_yaml(content)
    name = _name_of(path, document.data, content)
    if document.data is None and document.findings:
        raise _invalid(path, document, document.findings, name)
    if not isinstance(document.data, dict):
        words = "the file is empty" if document.data is None else "the file is not a section of keys"
        wanted = Finding((), f"{words}; a mapping has version, source, event and fields")
        raise _invalid(path, document, [*document.findings, wanted], name)
    _add_default_access(document.data)
    resolved = resolve(
        document.data,
        environment=environment,
        read_file=read_file,
        unset_allowed=not resolve_variables,
        unneeded=frozenset() if access_needed else _ACCESS,
    )
    own_steps, steps_text, steps_problems = _own_steps(resolved.data, path, read_file)
    checked = [*steps_problems, *checks.problems(resolved.data), *_name_problem(resolved.data, path)]
    model, model_problems = _validate(resolved, folder=path.parent)
    checked += _without_repeats(model_problems, checked)
    if model is not None and model.destination.ca_file is not None and resolve_variables:
        checked += _unreadable_ca_file(model.destination.ca_file, read_file)
    found = [*document.findings, *resolved.findings, *(_without_secrets(one, resolved) for one in checked)]
    found = [one for one in found if one.path not in resolved.unset]
    if model is None or found:
        raise _invalid(path, document, found, name)
    warned = [
        _without_secrets(one, resolved)
        for one in checks.warnings(resolved.data, filled=resolved.filled | resolved.unset)
    ]
    keys: dict[str, Any] = {name: getattr(model, name) for name in MappingFile.model_fields}
    keys["name"] = model.name or path.stem
    # Every part was validated a moment ago; to validate it again would parse what is parsed.
    warnings = lines(document, warned, file=str(path))
    return Mapping.model_construct(**keys, path=path, warnings=warnings, own_steps=own_steps, steps_text=steps_text)


def _invalid(path: Path, document: Document, found: list[Finding], name: str | None) -> MappingInvalid:
    printed = lines(document, found, file=str(path))
    count = "1 problem" if len(printed) == 1 else f"{len(printed)} problems"
    words = tuple(words for _, words in placed_words(document, found))
    files = (WrongFile(path, name, printed, words),)
    return MappingInvalid(f"the mapping {path} has {count}", problems=printed, files=files)


def _name_of(path: Path, data: object, content: bytes) -> str | None:
    """The name of the mapping that the file was meant to be: as it is written, also where the rest cannot be read."""
    written = _NAME.search(content)
    said = data.get("name") if isinstance(data, dict) else written and written[1].decode("ascii")
    for name in (said, path.stem):
        with suppress(ValueError):
            return parse_mapping_name(name)
    return None


def _add_default_access(data: dict[str, Any]) -> None:
    destination = data.setdefault("destination", {})
    if isinstance(destination, dict):
        for key, variable in _DEFAULT_ACCESS.items():
            destination.setdefault(key, variable)


def _name_problem(data: dict[str, Any], path: Path) -> list[Finding]:
    if "name" in data:
        return []
    try:
        parse_mapping_name(path.stem)
    except ValueError:
        return [Finding(("name",), "is missing, and the file's own name cannot stand for it; write name: customers")]
    return []


def _own_steps(data: dict[str, Any], path: Path, read_file: ReadFile) -> tuple[OwnSteps, bytes, list[Finding]]:
    """The functions of the file that `steps` names and its text; `data` names them from here on."""
    try:
        name = parse_steps_file(data["steps"])
    except (KeyError, ValueError):
        return {}, b"", []  # there is none; or the model says what is wrong with the name
    file = path.parent / name
    try:
        content = read_file(file)
        found = steps_in(content, name=name, file=str(file))
    except OSError as error:
        words = f"the file {name} beside this mapping cannot be read: {error.strerror or 'unknown cause'}"
        return {}, b"", [Finding(("steps",), words)]
    except StepsFileError as error:
        return {}, b"", [Finding(("steps",), str(error))]
    name_own_steps(data, found)
    return found, content, []


def _unreadable_ca_file(ca_file: Path, read_file: ReadFile) -> list[Finding]:
    try:
        read_file(ca_file)
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "not a path"
        return [Finding(("destination", "ca_file"), f"the file cannot be read: {cause}")]
    return []


def _validate(resolved: Resolved, *, folder: Path) -> tuple[MappingFile | None, list[Finding]]:
    """The model, or its problems. A value that waits for a variable and cannot be read without it gets its default."""
    data = resolved.data
    try:
        return MappingFile.model_validate(data, context={"folder": folder}), []
    except ValidationError as error:
        found = list(findings_of(error, data))
    waiting = [one.path for one in found if one.path in resolved.unset]
    for path in waiting:
        _drop(data, path)
    if not waiting:
        return None, found
    try:
        return MappingFile.model_validate(data, context={"folder": folder}), []
    except ValidationError as error:
        return None, list(findings_of(error, data))


def _drop(data: Any, path: KeyPath) -> None:  # noqa: ANN401  # any plain data
    for part in path[:-1]:
        data = data[part]
    if isinstance(data, dict):
        data.pop(path[-1], None)


def _without_repeats(found: list[Finding], known: list[Finding]) -> list[Finding]:
    """`found` without those that say of a list or table what `known` says of one of its items."""
    ancestors = {one.path[:depth] for one in known for depth in range(1, len(one.path))}
    return [one for one in found if one.path not in ancestors]


def _without_secrets(finding: Finding, resolved: Resolved) -> Finding:
    """`finding` without what it quotes of a value that may be a secret in the wrong place (F2).

    That is whatever a variable gave, and in quotation marks whatever is not made like a name.
    """
    words = finding.words
    for text in resolved.filled_texts:
        words = words.replace(text, _LEFT_OUT)
    if finding.at_key:
        return replace(finding, words=words)
    if any(path[: len(finding.path)] == finding.path for path in resolved.filled):
        # From the first mark to the last: the value may hold some itself.
        return replace(finding, words=re.sub('".*"', _LEFT_OUT, words, flags=re.DOTALL))
    for text in sorted(_texts(resolved.data, finding.path), key=len, reverse=True):
        if not _may_be_quoted(text):
            words = words.replace(f'"{text}', f'"{_LEFT_OUT}')
    quoted = re.compile('"([^"]*)"')
    return replace(finding, words=quoted.sub(lambda one: one[0] if _may_be_quoted(one[1]) else _LEFT_OUT, words))


def _may_be_quoted(text: str) -> bool:
    """Whether `text` is made like what the messages themselves quote: names, steps, zones, numbers."""
    parts = _WORDS.fullmatch(text) and re.split(r"[^\w$]+", text)
    return parts is not None and all(not one or one.isdigit() or is_plain_name(one) for one in parts)


def _texts(data: Any, path: KeyPath) -> Iterator[str]:  # noqa: ANN401  # any plain data
    """The texts at `path` and below it."""
    for part in path:
        try:
            data = data[part]
        except (TypeError, KeyError, IndexError):
            return
    waiting = [data]
    while waiting:
        match waiting.pop():
            case str() as text if text:
                yield text
            case dict() as section:
                waiting.extend(section.values())
            case list() as items:
                waiting.extend(items)

"""Plants a bug in a copy of the code: in one function, found by what stands there and not by how it is written.

A bug is a TOML file of one or several `change`s. Each names the function (`Courier.answered`; "" for a module's own
statements), the statements that stand there, and those that take their place. `...` as a body stands for the body that
is there. Comments, line breaks and the file in which the function lives do not matter. `from_seed` says from which life
on the bug is looked for, where the first lives are known to pass it by: that only saves time.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BODIES = ("body", "orelse", "finalbody")


class NotFound(Exception):
    """The statements are not there, or in several places: the bug is to be planted anew."""


@dataclass(frozen=True)
class Change:
    """What stands in `function`, and what is to stand there."""

    function: str
    instead_of: str
    write: str


def changes_of(bug: Path) -> list[Change]:
    """The changes of the bug in the file `bug`."""
    told = tomllib.loads(bug.read_text(encoding="utf-8"))
    return [Change(one["in"], one["instead_of"], one["write"]) for one in told["change"]]


def first_seed(bug: Path) -> int:
    """The first life in which the bug in the file `bug` is looked for."""
    return int(tomllib.loads(bug.read_text(encoding="utf-8")).get("from_seed", 0))


def plant(bug: Path, package: Path) -> None:
    """Change the modules of `package` as `bug` says. Raises `NotFound`."""
    for change in changes_of(bug):
        found = []
        for file in sorted(package.rglob("*.py")):
            text = file.read_text(encoding="utf-8")
            # To take every module apart for each change takes longer than to find the bug.
            if not all(name in text for name in change.function.split(".")):
                continue
            tree = ast.parse(text)
            found += [(file, tree, place) for place in _places(tree, change)]
        if len(found) != 1:
            raise NotFound(f"{bug.name}: {len(found)} places in {change.function or 'the modules'} instead of one")
        file, tree, (body, at) = found[0]
        _replace(body, at, change)
        file.write_text(ast.unparse(tree) + "\n", encoding="utf-8")


def _places(tree: ast.Module, change: Change) -> Iterator[tuple[list[ast.stmt], int]]:
    wanted = ast.parse(change.instead_of).body
    for scope in _scopes(tree, change.function):
        for body in _bodies(scope, deep=bool(change.function)):
            for at in range(len(body) - len(wanted) + 1):
                if all(_alike(one, other) for one, other in zip(wanted, body[at:], strict=False)):
                    yield body, at


def _scopes(tree: ast.AST, function: str, path: str = "") -> Iterator[ast.AST]:
    if path == function:
        yield tree
    for one in ast.iter_child_nodes(tree):
        if isinstance(one, ast.FunctionDef | ast.ClassDef):
            yield from _scopes(one, function, f"{path}.{one.name}".removeprefix("."))


def _bodies(scope: ast.AST, *, deep: bool) -> Iterator[list[ast.stmt]]:
    for name in _BODIES:
        body = getattr(scope, name, [])
        if isinstance(body, list) and body:
            yield body
            if deep:
                for one in body:
                    if not isinstance(one, ast.FunctionDef | ast.ClassDef):
                        yield from _bodies(one, deep=True)
    for name in ("handlers", "cases"):
        for one in getattr(scope, name, []):
            yield from _bodies(one, deep=True)


def _is_open(body: object) -> bool:
    return (
        isinstance(body, list)
        and len(body) == 1
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and body[0].value.value is ...
    )


def _alike(wanted: ast.stmt, there: ast.stmt) -> bool:
    """Whether `there` is what `wanted` says; where its body is `...`, only what stands before the colon counts."""
    if type(wanted) is not type(there) or not _is_open(getattr(wanted, "body", None)):
        return ast.dump(wanted) == ast.dump(there)
    return all(
        _dumped(getattr(wanted, name)) == _dumped(getattr(there, name))
        for name in wanted._fields
        if name not in _BODIES
    )


def _dumped(value: object) -> object:
    if isinstance(value, list):
        return [_dumped(one) for one in value]
    return ast.dump(value) if isinstance(value, ast.AST) else value


def _replace(body: list[ast.stmt], at: int, change: Change) -> None:
    wanted = ast.parse(change.instead_of).body
    kept = [one for one, pattern in zip(body[at:], wanted, strict=False) if _is_open(getattr(pattern, "body", None))]
    written = []
    for one in ast.parse(change.write).body:
        if _is_open(getattr(one, "body", None)):
            there = kept.pop(0)
            for name in _BODIES:
                if hasattr(one, name):
                    setattr(one, name, getattr(there, name))
        written.append(one)
    body[at : at + len(wanted)] = written or [ast.Pass()]

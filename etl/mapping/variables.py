"""`${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `${file:/path}` and `$$` in the texts of a mapping.

What a variable gave is text, and no message ever shows it: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from etl.mapping.document import Finding, Path

_LONGEST_FILE = 65_536
# Shorter texts are not searched for in messages: they may be part of any word.
_SHORTEST_SECRET = 6
_REFERENCE = re.compile(
    r"\$\$|\$\{(?:file:(?P<file>[^}]*)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<sign>:[-?])(?P<tail>[^}]*))?)\}|(?P<bad>\$\{)",
    re.ASCII,
)
# Where `$$` stays, unless it stands before a `{`.
_SQL = frozenset((section, key) for section in ("source", "products") for key in ("query", "where"))
_FORMS = "write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:/path}; $$ stands for $"


@dataclass(slots=True)
class Resolved:
    """`data` with its variables filled in.

    `filled` are the paths whose text a variable gave, `filled_texts` those texts, but for short ones; `unset` the paths
    left as written because a variable is not set (only when that is allowed); `findings` the problems.
    """

    data: Any
    filled: set[Path] = field(default_factory=set)
    filled_texts: set[str] = field(default_factory=set)
    unset: set[Path] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


class _Unset(Exception):  # control flow inside this module
    pass


def resolve(
    data: object,
    *,
    environment: Mapping[str, str],
    read_file: Callable[[FilePath], bytes],
    unset_allowed: bool,
    unneeded: AbstractSet[Path] = frozenset(),
) -> Resolved:
    """Fills the variables of every text value (not of keys). With `unset_allowed` what is not set stays as written.

    So it does at the paths that are `unneeded`; with both nothing is asked for there.
    """
    resolved = Resolved(None)
    resolver = _Resolver(environment, read_file, unset_allowed=unset_allowed, unneeded=unneeded, resolved=resolved)
    resolved.data = resolver.walk(data, ())
    return resolved


class _Resolver:
    def __init__(
        self,
        environment: Mapping[str, str],
        read_file: Callable[[FilePath], bytes],
        *,
        unset_allowed: bool,
        unneeded: AbstractSet[Path],
        resolved: Resolved,
    ) -> None:
        self._environment = environment
        self._read_file = read_file
        self._unset_allowed = unset_allowed
        self._unneeded = unneeded
        self._resolved = resolved

    def walk(self, value: object, path: Path) -> object:
        """`value` with its texts filled; at most MAX_DEPTH deep, as the reader saw to it."""
        if isinstance(value, dict):
            return {key: self.walk(one, (*path, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self.walk(one, (*path, at)) for at, one in enumerate(value)]
        if not isinstance(value, str) or "$" not in value:
            return value
        if self._unset_allowed and path in self._unneeded:
            # The text is still a reference, which the checks of the value must not reject.
            self._resolved.unset.add(path)
            return value
        return self._fill(value, path)

    def _fill(self, text: str, path: Path) -> str:
        def replace(found: re.Match[str]) -> str:
            if found.group() == "$$":
                # `$$` stays there: PostgreSQL quotes texts with it, and queries are pasted unchanged.
                return "$$" if path in _SQL and not found.string.startswith("{", found.end()) else "$"
            self._resolved.filled.add(path)
            return self._value(found, may_be_unset=self._unset_allowed or path in self._unneeded)

        try:
            filled = _REFERENCE.sub(replace, text)
        except _Unset:
            self._resolved.unset.add(path)
        except ValueError as problem:
            self._resolved.findings.append(Finding(path, str(problem)))
        else:
            if path in self._resolved.filled and len(filled) >= _SHORTEST_SECRET:
                self._resolved.filled_texts.add(filled)
            return filled
        return text

    def _value(self, found: re.Match[str], *, may_be_unset: bool) -> str:
        name, sign, tail = found["name"], found["sign"], found["tail"]
        if found["bad"]:
            raise ValueError(f"a variable that cannot be read; {_FORMS}")
        if name is None:
            return self._file(found["file"], may_be_unset=may_be_unset)
        value = self._environment.get(name)
        if value is not None and (value or sign is None):
            return value
        if sign == ":-":
            return str(tail)
        if may_be_unset:
            raise _Unset
        state = "is not set" if value is None else "is empty"
        if sign == ":?" and tail:
            raise ValueError(f"the variable {name} {state}: {tail}")
        raise ValueError(f"the variable {name} {state}; set it, or write ${{{name}:-default}}")

    def _file(self, name: str, *, may_be_unset: bool) -> str:
        path = FilePath(name)
        if not path.is_absolute():
            raise ValueError("${file:…} needs an absolute path, such as ${file:/run/secrets/key}")
        try:
            content = self._read_file(path)
        except (OSError, ValueError) as error:
            if may_be_unset:
                raise _Unset from None
            cause = getattr(error, "strerror", None) or "not a path"
            raise ValueError(f"the file {name} cannot be read: {cause}") from None
        if len(content) > _LONGEST_FILE:
            raise ValueError(f"the file {name} is larger than 64 KiB")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"the file {name} is not UTF-8") from None
        return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text

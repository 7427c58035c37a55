"""How the tests of this room read a mapping: from text, with files and variables of their own."""

from __future__ import annotations

import errno
from collections.abc import Mapping as Table
from pathlib import Path

from etl.errors import MappingInvalid
from etl.mapping.load import parse_mapping
from etl.mapping.model import Mapping

KEY = "k3y-of-the-tests"
FILES = {
    "/keys/one-break": f"{KEY}\n".encode(),
    "/keys/windows-break": f"{KEY}\r\n".encode(),
    "/keys/two-breaks": f"{KEY}\n\n".encode(),
    "/keys/space": f"two {KEY}".encode(),
    "/keys/binary": b"\xff\xfe",
    "/keys/large": b"x" * 70_000,
}


def read_file(path: Path) -> bytes:
    """The files of the tests; any other is missing."""
    try:
        return FILES[str(path)]
    except KeyError:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path)) from None


def mapping_of(
    text: str | bytes, *, environment: Table[str, str] | None = None, resolve_variables: bool = True
) -> Mapping:
    """The mapping in `text`, as if read from m.yaml."""
    return parse_mapping(
        text.encode() if isinstance(text, str) else text,
        path=Path("m.yaml"),
        environment={"KEY": KEY, "EMPTY": ""} if environment is None else environment,
        read_file=read_file,
        resolve_variables=resolve_variables,
    )


def problems_of(text: str | bytes, **how: object) -> tuple[str, ...]:
    """The problems of `text`; () when it is a mapping."""
    try:
        mapping_of(text, **how)  # type: ignore[arg-type]
    except MappingInvalid as error:
        return error.problems
    return ()


SMALL = """\
version: 1
source: {url: "sqlite:////tmp/shop.sqlite", table: customers, primary_key: id, cursor_field: updated_at}
event: CustomerUpdated
fields:
  email: email
  timestamp: updated_at
destination: {account: acc, api_key: "${KEY}"}
"""


def small(*lines: str, fields: str = "", tests: str = "") -> str:
    """A right mapping with more top-level lines, more lines of `fields`, and a `tests` section."""
    more = "".join(f"  {line}\n" for line in fields.splitlines())
    head, tail = SMALL.split("destination:")
    return f"{head}{more}destination:{tail}" + "".join(f"{line}\n" for line in lines) + tests

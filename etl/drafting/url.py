"""Decides which parts of a database's URL may be written to a file.

The rule: a password never does, nor anything in the URL that might be one; a variable that holds the URL may.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from etl.drafting.lines import quoted
from etl.source.connect import parse_database_url

VARIABLE = "SOURCE_DATABASE_URL"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Parameters of URLs that hold no secret, whatever their value.
_HARMLESS = frozenset(
    {"application_name", "charset", "client_encoding", "connect_timeout", "mode", "sslmode", "ssl_mode", "timeout"}
)


@dataclass(frozen=True, slots=True)
class WrittenUrl:
    """A database's URL: in clear (never print it), as the file has it with the reason, and as a command has it.

    `is_missing`: the file names a variable that does not hold the URL yet.
    """

    clear: str
    text: str
    reason: str
    argument: str
    is_missing: bool = False


def variable_of(url: str, environment: Mapping[str, str]) -> str | None:
    """The name of the variable that holds `url`, as in `init "$SHOP_DATABASE_URL"`; None without one."""
    names = sorted(
        name for name, value in environment.items() if value == url and _NAME.fullmatch(name) and name != "_"
    )
    return next((one for one in names if "URL" in one.upper()), names[0] if names else None)


def url_for_file(url: str, *, variable: str | None) -> WrittenUrl:
    """`url` as the file may hold it, and why; `variable` is the one that holds it, if there is one.

    Raises:
        UsageProblem: it is not a URL, or it is not clear where its password ends.
    """
    parsed = parse_database_url(url, what="URL")
    if variable is not None:
        named = f"${{{variable}}}"
        return WrittenUrl(url, named, "the variable that held it", argument=named)
    if parsed.password is not None or any(name.lower() not in _HARMLESS for name in parsed.query):
        named = f"${{{VARIABLE}}}"
        why = "a variable, since the URL holds a password or what may be one"
        return WrittenUrl(url, named, why, argument=named, is_missing=True)
    if parsed.get_backend_name() == "sqlite":
        is_absolute = (parsed.database or "").startswith("/")
        why = "" if is_absolute else "a relative path counts from the folder of the call"
        return WrittenUrl(url, quoted(url), why, argument=url)
    return WrittenUrl(url, quoted(url), "it holds no password; better a variable, ${SOURCE_DATABASE_URL}", argument=url)

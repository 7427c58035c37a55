"""Which `etl` is running: a folder of that name beside a project may be imported in place of the installed one."""

from __future__ import annotations

from pathlib import Path

import etl
from etl.screen.streams import say

DISTRIBUTION = "squeezely-etl"


def tell_if_another() -> None:
    """Say on stderr, in one line, that the imported `etl` is not the installed one."""
    imported = Path(etl.__file__).resolve().parent
    if imported.parent.name in {"site-packages", "dist-packages"}:
        return
    installed = _installed()
    if installed is not None and installed != imported:
        say(f"this is the etl of {imported}, not the installed one of {installed}", err=True)


def _installed() -> Path | None:
    """The package's folder as installed; None when it is not installed."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import unquote, urlsplit

    try:
        found = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return None
    # An editable install has its files elsewhere, and says where (PEP 610).
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        return Path(unquote(urlsplit(origin["url"]).path)).resolve() / "etl"
    return Path(str(found.locate_file("etl"))).resolve()

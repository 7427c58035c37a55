"""The command line: parse, build, call, render. `main` is the console script's entry."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

DISTRIBUTION = "squeezely-etl"


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.platform == "win32":
        sys.exit("squeezely-etl runs on Linux, on macOS, and on Windows within WSL: its locks and signals are theirs")
    try:
        code = _run()
    except KeyboardInterrupt:
        # While modules are still being imported; later ends are told by `run`.
        sys.stderr.write("interrupted\n")
        code = 130
    sys.exit(code)


def _run() -> int:
    from etl.screen.streams import flush, prepare_streams

    prepare_streams()
    from etl.cli.boundary import run
    from etl.screen.messages import show_bug

    # The error's text may quote a value of a row, which Python would print.
    threading.excepthook = lambda ended: show_bug(ended.exc_value) if ended.exc_value else None
    _tell_if_another()
    code = run(sys.argv[1:])
    flush()
    return code


def _tell_if_another() -> None:
    """Say on stderr, in one line, that a folder `etl` beside a project was imported in place of the installed one."""
    import etl
    from etl.screen.streams import say

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

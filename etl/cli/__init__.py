"""The command line: parse, build, call, render. `main` is the console script's entry."""

from __future__ import annotations

import sys
import threading


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
    from etl.cli.origin import tell_if_another
    from etl.screen.telling import show_bug

    # Its text may quote a value of a row, which Python would print.
    threading.excepthook = lambda ended: show_bug(ended.exc_value) if ended.exc_value else None
    tell_if_another()
    code = run(sys.argv[1:])
    flush()
    return code

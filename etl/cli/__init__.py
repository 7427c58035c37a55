"""The command line: parse, build, call, render. `main` is the console script's entry."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with the contract's exit code."""
    from etl.cli.streams import flush, prepare_streams

    prepare_streams()
    from etl.cli.boundary import run

    code = run(sys.argv[1:])
    flush()
    sys.exit(code)

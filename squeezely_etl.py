"""The console script: says which package `etl` stands in the way, where it is not the one beside this file."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the command line; in one line and with exit code 2, why that cannot be."""
    try:
        from etl.cli import main as run
    except ImportError:
        import etl

        found = Path(next(iter(getattr(etl, "__path__", [etl.__file__])))).resolve()
        if found.parent == Path(__file__).resolve().parent:
            raise
        sys.stderr.write(
            f"error: the etl of {found} was imported, which is not squeezely-etl's: "
            "call it from another folder, or take that one out of PYTHONPATH\n"
        )
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`python -m etl`, and as installed into `bin` the command `squeezely-etl` itself.

The rule: this file stands outside the package once it is installed, so that it can still say which package is in the
way where another `etl` is found first, by PYTHONPATH or because it was installed into the same environment.
"""

import sys

try:
    from etl.cli import main
except ImportError as error:
    import etl

    if (error.name or "").partition(".")[0] != "etl" or "MappingInvalid" in getattr(etl, "__all__", ()):
        raise
    sys.stderr.write(
        f"error: the etl of {etl.__path__[0]} was found, which is not squeezely-etl's: take it out of PYTHONPATH, "
        "or give each an environment of its own\n"
    )
    sys.exit(2)

if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`python -m etl`, and as installed into `bin` the command `squeezely-etl` itself.

The rule: this file stands outside the package once it is installed, so that it can still say which package is in the
way where another `etl` is found first, by PYTHONPATH or because it was installed into the same environment.
"""

import sys
from importlib.util import find_spec

try:
    from etl.cli import main
except Exception:  # importing a foreign package may raise anything
    if "MappingInvalid" in getattr(sys.modules.get("etl"), "__all__", ()):
        raise
    found = find_spec("etl")
    if found is None:
        raise
    # A package is its folder; a file alone is itself.
    where = next(iter(found.submodule_search_locations or ()), found.origin)
    sys.stderr.write(
        f"error: the etl of {where} was found, which is not squeezely-etl's: take it out of PYTHONPATH, "
        "or give each an environment of its own\n"
    )
    sys.exit(2)

if __name__ == "__main__":
    main()

"""How a package is installed beside this program, as a command that works as printed.

The rule: the package itself is named, never an extra of this one, which stands in no index; and the Python that runs
this program gets it, whatever `pip` comes first in PATH.
"""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec


def pip_install(*packages: str) -> str:
    """The command that installs `packages` for the Python that runs this."""
    named = " ".join(shlex.quote(one) for one in packages)
    python = shlex.quote(sys.executable or "python3")
    # An environment made by uv has no pip of its own.
    return f"{python} -m pip install {named}" if find_spec("pip") else f"uv pip install --python {python} {named}"

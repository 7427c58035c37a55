"""Sends rows of a SQL database to Squeezely (Spotler Activate) as backend custom events.

The functions here do what the commands do; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl.commands.library import backfill, forget, load, preview, retry, run, status, validate
    from etl.errors import (
        CredentialsRefused,
        EtlError,
        GuardTripped,
        MappingInvalid,
        MappingLocked,
        SourceFailed,
        StateUnusable,
        StoppedEarly,
        TooManyFailures,
        UsageProblem,
    )
    from etl.job.outcome import Outcome

__version__ = "0.1.0"
__all__ = [
    "CredentialsRefused",
    "EtlError",
    "GuardTripped",
    "MappingInvalid",
    "MappingLocked",
    "Outcome",
    "SourceFailed",
    "StateUnusable",
    "StoppedEarly",
    "TooManyFailures",
    "UsageProblem",
    "__version__",
    "backfill",
    "forget",
    "load",
    "preview",
    "retry",
    "run",
    "status",
    "validate",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever the name stands for
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "etl.job.outcome" if name == "Outcome" else "etl.errors" if name[0].isupper() else "etl.commands.library"
    return getattr(import_module(room), name)

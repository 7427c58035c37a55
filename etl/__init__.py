"""Sends rows of a SQL database to Squeezely (Spotler Activate) as backend custom events.

The functions here do what the commands do; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etl.commands.forget import Receipt
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
    from etl.job.preview import PreviewedRow
    from etl.mapping.model import Mapping

__version__ = "0.1.0"
__all__ = [
    "CredentialsRefused",
    "EtlError",
    "GuardTripped",
    "Mapping",
    "MappingInvalid",
    "MappingLocked",
    "Outcome",
    "PreviewedRow",
    "Receipt",
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

_ROOMS = {
    "Mapping": "etl.mapping.model",
    "Outcome": "etl.job.outcome",
    "PreviewedRow": "etl.job.preview",
    "Receipt": "etl.commands.forget",
}

# Hidden from type checkers, which would otherwise accept any misspelt name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever the name stands for
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(
            import_module(_ROOMS.get(name) or f"etl.{'errors' if name[0].isupper() else 'commands.library'}"), name
        )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

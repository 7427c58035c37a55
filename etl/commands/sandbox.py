"""Serves the sandbox, when its packages are there."""

from __future__ import annotations

from dataclasses import dataclass

import click

from etl.errors import UsageProblem
from etl.install import pip_install


@dataclass(frozen=True, slots=True)
class SandboxCall:
    """The options of `sandbox`, as given. `rate` in requests a second; None: no limit."""

    port: int
    faults: tuple[str, ...]
    multiple_languages: bool
    multiple_currencies: bool
    extra_fields: tuple[str, ...]
    rate: float | None


def serve_sandbox(call: SandboxCall) -> None:
    """Answer until a signal comes. Raises `UsageProblem` for a missing package or a wrong fault."""
    try:
        import starlette
        import uvicorn
    except ImportError as missing:
        raise UsageProblem(
            f"the sandbox needs the package {missing.name}", hint=pip_install("starlette", "uvicorn")
        ) from None
    del starlette, uvicorn
    from etl.sandbox.faults import SandboxSettings, parse_faults
    from etl.sandbox.serve import serve

    settings = SandboxSettings(
        multiple_languages=call.multiple_languages,
        multiple_currencies=call.multiple_currencies,
        extra_fields=frozenset(call.extra_fields),
        requests_per_second=call.rate,
        faults=parse_faults(call.faults),
    )
    serve(settings, port=call.port, on_ready=lambda url: click.echo(f"sandbox listening on {url} (stop with Ctrl-C)"))

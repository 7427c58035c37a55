"""`sandbox`: a local stand-in for the API."""

from __future__ import annotations

import click

from etl.cli.described import Described
from etl.cli.options import log_options


@click.command(
    cls=Described,
    short_help="Stand in for the API on this machine, with a page to look at.",
    epilog="Example: squeezely-etl sandbox --fault 429@5% --fault slow=200ms",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=8765, show_default=True, help="0 picks a free one."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    envvar="SQUEEZELY_ETL_SANDBOX_FAULT",
    metavar="FAULT",
    help="Rehearse trouble: 429@5%, 500@2%, slow=200ms, drop@1%, reject=EMAIL. May be given several times.",
)
@click.option("--rate", type=float, default=None, metavar="N", help="Answer 429 above N requests a second.")
@log_options
def sandbox(*, port: int, faults: tuple[str, ...], rate: float | None) -> None:
    """Stand in for the API on this machine, with a page that shows the events as they arrive."""
    from etl.errors import UsageProblem

    try:
        import starlette
        import uvicorn
    except ImportError as missing:
        hint = "pip install 'squeezely-etl[sandbox]'"
        raise UsageProblem(f"the sandbox needs the package {missing.name}", hint=hint) from None
    del starlette, uvicorn
    from etl.sandbox.faults import parse_faults
    from etl.sandbox.serve import serve
    from etl.sandbox.settings import SandboxSettings

    settings = SandboxSettings(requests_per_second=rate, faults=parse_faults(faults))
    serve(settings, port=port, on_ready=lambda url: click.echo(f"sandbox listening on {url} (stop with Ctrl-C)"))

"""The one place where an error becomes a message and an exit code.

The rule: a person's mistake gets one line and a hint, never a traceback; a bug of ours gets its traceback and exit
code 1.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from etl.cli.commands import squeezely_etl
from etl.errors import EtlError, MappingInvalid

BROKEN_PIPE = 141


def run(arguments: Sequence[str]) -> int:  # noqa: PLR0911 - one return an ending
    """Run the command line with `arguments`; returns the exit code (contract §4)."""
    try:
        code = squeezely_etl.main(args=list(arguments), prog_name="squeezely-etl", standalone_mode=False)
    except EtlError as error:
        show_error(error)
        return error.exit_code
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        # The reader of our output left (`| head`); Python would complain once more when it flushes stdout at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception:  # noqa: BLE001 - the one place where a bug becomes an exit code
        traceback.print_exc()
        click.echo("this is a bug in squeezely-etl: please report it with the lines above", err=True)
        return 1
    return code if isinstance(code, int) else 0


def show_error(error: EtlError, *, subject: str = "") -> None:
    """Print `error` and its hint on stderr; `subject` names the mapping when there are several."""
    prefix = f"{subject}: " if subject else ""
    if isinstance(error, MappingInvalid):
        for problem in error.problems:
            click.echo(problem, err=True)
    click.echo(f"error: {prefix}{error.message}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)

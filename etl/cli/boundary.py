"""The one place where an error becomes a message and an exit code.

The rule: a person's mistake gets one line and a hint, never a traceback; a bug of ours gets its traceback and exit
code 1.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from etl.cli.commands import squeezely_etl
from etl.cli.mistakes import show_mistake
from etl.errors import EtlError
from etl.host.refusal import refusal_of
from etl.screen.messages import show_bug, show_error
from etl.screen.streams import say, silence

BROKEN_PIPE = 141


def run(arguments: Sequence[str]) -> int:  # noqa: PLR0911 - one return an ending
    """Run the command line with `arguments`; returns the exit code."""
    stdout = sys.stdout
    try:
        code = squeezely_etl.main(args=list(arguments), prog_name="squeezely-etl", standalone_mode=False)
    except EtlError as error:
        show_error(error)
        return error.exit_code
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        show_mistake(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("interrupted", err=True)
        return 130
    except SystemExit as end:
        # Either click has completed a word for the shell, or the reader of our output left (`| head`): then click has
        # put a stand-in before stdout.
        if sys.stdout is stdout:
            return end.code if isinstance(end.code, int) else 0
        silence(err=False)
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an exit code
        refusal = refusal_of(error)
        if refusal is not None:
            show_error(refusal)
            return refusal.exit_code
        show_bug(error)
        return 1
    return code if isinstance(code, int) else 0

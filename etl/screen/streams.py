"""The standard streams, which may be closed, broken or full.

The rule: output for people never stops the work (E9, E10).
"""

from __future__ import annotations

import io
import os
import sys

import click


def prepare_streams() -> None:
    """Make UTF-8 of them whatever the locale says (E11), and give closed ones to the null device.

    Otherwise a database or a socket would get that descriptor, and output for people would be written into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # `open` takes the lowest free descriptor, which is the closed one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - the one argument of it
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as Python's
        stream = getattr(sys, name)
        if mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def say(text: str, *, err: bool = False) -> None:
    """Print a line on stdout or stderr; when it cannot be written, go on without, now and later."""
    try:
        click.echo(text, err=err)
    except OSError:
        silence(err=err)


def flush() -> None:
    """Empty the streams' buffers; Python would end with a code of its own when that fails at the end."""
    for stream, err in ((sys.stdout, False), (sys.stderr, True)):
        try:
            stream.flush()
        except OSError:
            silence(err=err)


def silence(*, err: bool) -> None:
    """Send stdout or stderr to the null device, so that no later word to it fails, Python's own at the end included."""
    stream = sys.stderr if err else sys.stdout
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return

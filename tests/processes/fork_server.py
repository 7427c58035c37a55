"""A process that has imported the command line and forks a child a call: a call costs its work, not its imports.

The child runs the console script's own entry with the arguments, the environment and the folder that it is given.
It ends without taking the interpreter apart, which would cost more than the call. Nothing of the product is changed;
see `tests/processes/crash_points.py` for how a child is killed.
`tests/processes/forked_cli.py` is the other end of the socket whose descriptor is the argument: a JSON object a line.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import json
import os
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from etl.cli import main
from tests.processes.crash_points import arm

# What a call loads at its first need, and each child would load anew.
LOADED = (
    "click.shell_completion",
    "encodings.idna",
    "encodings.utf_8_sig",
    "etl.cli.boundary",
    "etl.commands.explain",
    "etl.commands.forget",
    "etl.commands.sending",
    "etl.commands.status",
    "etl.commands.summary",
    "etl.commands.validate",
    "etl.commands.wiring",
    "etl.job.backfill",
    "etl.job.retry",
    "etl.monitoring.addresses",
    "sqlalchemy.dialects.sqlite",
)
# A call that hangs ends by SIGALRM, so that its test tells what it did.
LONGEST_SECONDS = 120


def serve(connection: socket.socket) -> dict[str, Any] | None:
    """Fork a child for each call, and tell how children ended. Returns None at the end, and in each child its call."""
    with connection, connection.makefile("rw", buffering=1) as lines:
        for line in lines:
            asked = json.loads(line)
            if asked["do"] == "wait":
                pid, status = os.waitpid(asked["pid"], 0)
                lines.write(json.dumps({"pid": pid, "code": os.waitstatus_to_exitcode(status)}) + "\n")
                continue
            # A thread would not be there in the child, with whatever lock it holds.
            assert len(os.listdir("/proc/self/task")) == 1, "the fork server has threads"  # noqa: PTH208
            pid = os.fork()
            if pid == 0:
                return dict(asked)
            lines.write(json.dumps({"pid": pid}) + "\n")
    return None


def become(call: dict[str, Any]) -> None:
    """Make this child what the shell would have made: its streams, environment, folder, arguments and signals."""
    for descriptor, path in ((0, os.devnull), (1, call["out"]), (2, call["err"])):
        opened = os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(call["environment"])
    time.tzset()
    os.chdir(call["folder"])
    sys.argv = ["squeezely-etl", *call["arguments"]]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.alarm(LONGEST_SECONDS)
    if call["gate"]:
        # The process that started this one holds the gate's lock, and all go on at once when it lets go.
        with Path(call["gate"]).open() as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)
    arm(call["crash"])


def run() -> None:
    """Run the console script, and end with its code."""
    try:
        main()
    except SystemExit as end:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))


if __name__ == "__main__":
    for module in LOADED:
        import_module(module)
    # Not frozen: the program asks how much is, and a hundred thousand objects are counted for a hundredth of a second.
    gc.collect()
    called = serve(socket.socket(fileno=int(sys.argv[1])))
    if called is not None:
        become(called)
        run()

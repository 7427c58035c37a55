"""`run --jobs N`: several mappings at a time, each in a process of its own.

The rule: an error in one process does not affect the others, and each summary is printed in one piece. The processes
end cleanly when this one is asked to stop, and also when it dies, so that none goes on sending unnoticed.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from multiprocessing import connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from etl.books import Books
from etl.commands.loading import load_good
from etl.commands.not_started import Begun, note_begun_in
from etl.commands.reports import Calls, Reports, ReportTo
from etl.errors import EtlError, Interrupted, MappingInvalid, worst_exit_code
from etl.host.refusal import refusal_of
from etl.host.signals import STOP_SIGNALS, on_signals
from etl.host.system_clock import SystemClock
from etl.job.outcome import Outcome
from etl.mapping.model import Mapping
from etl.monitoring.ending import Ending
from etl.screen.logs import LogChoice, configure_logs, log_choice
from etl.screen.messages import show_bug, show_error, tell
from etl.screen.streams import prepare_streams, say

if TYPE_CHECKING:
    from etl.commands.calls import RunCall
    from etl.commands.report import ReportFile

_LONGEST_WAIT_SECONDS = 1.0


@dataclass(slots=True)
class _Job:
    """A mapping's process, its end of the pipe, and the host of its database (None: a file)."""

    mapping: Mapping
    process: BaseProcess
    pipe: connection.Connection
    host: str | None


@dataclass(slots=True)
class _Told:
    """The result of a mapping's process: its output, its exit code, and what monitoring and a report need."""

    printed: str = ""
    exit_code: int = 1
    endings: list[Ending] = field(default_factory=list)
    outcome: Outcome | None = None


class _Outcome:
    """Takes in how the one mapping of this process ended, for the report of the process that started it."""

    def __init__(self, told: _Told) -> None:
        self._told = told

    def add(self, _: Mapping, outcome: Outcome) -> None:
        """Take it in."""
        self._told.outcome = outcome

    def refused(self, error: MappingInvalid) -> None:
        """The process that started this one knows it."""

    def write(self) -> None:
        """The process that started this one does."""


def run_side_by_side(paths: tuple[Path, ...], call: RunCall, *, report: ReportFile | None, clock: SystemClock) -> int:
    """Run the mappings of `paths`, `call.jobs` at a time; returns the worst exit code."""
    loaded, invalid = load_good(paths)
    mappings = loaded if call.shard is None else call.shard.of(loaded)
    codes: list[int] = []
    with ExitStack() as stack:
        to = (
            ReportTo()
            if call.dry_run
            else ReportTo(call.metrics_file, call.pushgateway, call.ping_url, call.notify_url)
        )
        reports = stack.enter_context(Reports(to, command="run", calls=Calls(paths, call.state), clock=clock))
        reports.expect(mappings)
        if invalid is not None:
            if not mappings:
                raise invalid
            show_error(invalid)
            reports.refused(invalid)
            if report is not None:
                report.refused(invalid)
            codes.append(invalid.exit_code)
        if not call.dry_run:
            others = [one for one in loaded if one not in mappings]
            note_begun_in(call.state, Begun(paths, mappings, others, invalid))
        jobs = _Jobs(call, reports)
        stack.enter_context(on_signals(jobs.signalled))
        codes += jobs.run(mappings)
    if report is not None:
        for mapping in mappings:
            if (outcome := jobs.outcomes.get(mapping.name)) is not None:
                report.add(mapping, outcome)
        report.write()
    if len(codes) > 1 and call.output == "text":
        from etl.commands.summary import closing_text

        say(closing_text(codes, stopped=reports.stopped_by_failures))
    return worst_exit_code(codes, fine=call.exit_zero_on)


class _Jobs:
    """The processes that are under way, and the mappings that wait for one."""

    def __init__(self, call: RunCall, reports: Reports) -> None:
        self._call = call
        self._reports = reports
        self._running: list[_Job] = []
        self._stopped: Interrupted | None = None
        # By the mapping's name, in a dry run with a report.
        self.outcomes: dict[str, Outcome] = {}

    def signalled(self, number: int) -> None:
        """Ask every process for its clean end. Safe in a signal handler."""
        self._stopped = Interrupted("stopped by a signal; the checkpoints are saved", signal_number=number)
        for job in self._running:
            if job.process.pid is not None and job.process.is_alive():
                os.kill(job.process.pid, number)

    def run(self, mappings: Sequence[Mapping]) -> list[int]:
        """Run `mappings`, in their order where their databases allow; returns the exit codes."""
        waiting, codes = list(mappings), list[int]()
        while self._running or (waiting and self._stopped is None):
            while self._stopped is None and (mapping := self._next(waiting)) is not None:
                self._start(mapping)
            if not self._running:
                continue
            # A signal that arrives just before the wait is handled after it.
            connection.wait([job.pipe for job in self._running], timeout=_LONGEST_WAIT_SECONDS)
            for job in [one for one in self._running if one.pipe.poll()]:
                codes.append(self._ended(job))
        if waiting and self._stopped is not None:
            codes.append(self._stopped.exit_code)
        return codes

    def _next(self, waiting: list[Mapping]) -> Mapping | None:
        """The first mapping that may start now, taken from `waiting`; None when there is none."""
        if len(self._running) >= self._call.jobs:
            return None
        busy = Counter(job.host for job in self._running)
        busy[None] = 0
        found = next((one for one in waiting if busy[database_host(one)] < self._call.jobs_a_host), None)
        if found is not None:
            waiting.remove(found)
        return found

    def _start(self, mapping: Mapping) -> None:
        ours, theirs = get_context("spawn").Pipe(duplex=False)
        call = replace(self._call, jobs=1, shard=None, exit_zero_on=frozenset())
        # The parent process reports to monitoring, so the addresses, which are secrets, are not passed on.
        call = replace(call, pushgateway=None, ping_url=None, notify_url=())
        process = get_context("spawn").Process(
            target=_in_its_process, args=(mapping.path, call, log_choice(), theirs), name=f"run {mapping.name}"
        )
        # A signal that arrives while the process is being started is passed on afterwards.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            process.start()
            self._running.append(_Job(mapping, process, ours, database_host(mapping)))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._reports.begun()

    def _ended(self, job: _Job) -> int:
        try:
            told: _Told = job.pipe.recv()
        except EOFError:
            told = _Told()
        job.process.join()
        job.pipe.close()
        self._running.remove(job)
        if told.printed:
            say(told.printed.removesuffix("\n"))
        for ending in told.endings:
            self._reports.heard(ending)
        self.outcomes[job.mapping.name] = told.outcome or _without_a_word(job.mapping)
        code = job.process.exitcode
        if code is not None and code < 0:
            if self._stopped is not None:
                return self._stopped.exit_code
            show_error(
                EtlError(
                    f"its process was ended by signal {-code}; the checkpoint is saved",
                    hint="too little memory for so many at once? Take fewer --jobs",
                ),
                subject=job.mapping.name,
            )
            return 1
        return told.exit_code


def _without_a_word(mapping: Mapping) -> Outcome:
    error = EtlError("its process ended before it could tell how")
    return Outcome(mapping.name, "run", "", Books(), 0.0, None, None, error=error, dry_run=True)


def database_host(mapping: Mapping) -> str | None:
    """Host and port of the mapping's database; None for a file, which has no connections to run out of."""
    parts = urlsplit(mapping.source.url.reveal())
    return None if parts.hostname is None else parts.netloc.rpartition("@")[2]


def _in_its_process(path: Path, call: RunCall, logs: LogChoice, pipe: connection.Connection) -> None:
    """Run one mapping, and send the output to the parent process."""
    told = _Told()
    # In its own process group: Ctrl-C on a terminal reaches only the parent, which passes it on once.
    os.setsid()
    threading.Thread(target=_end_with_the_parent, name="parent", daemon=True).start()
    prepare_streams()
    printed = io.StringIO()
    sys.stdout, sys.stderr = printed, _Lines(sys.stderr)
    configure_logs(level=logs.level, form=logs.form)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        from etl.commands.sending import run_all

        reported = None if call.report is None else _Outcome(told)
        told.exit_code = run_all((path,), call, ended=told.endings.append, reported=reported)
    except KeyboardInterrupt:
        told.exit_code = 130
    except EtlError as error:
        show_error(error)
        told.exit_code = error.exit_code
    except Exception as error:  # noqa: BLE001 - as at the boundary: a bug becomes an exit code
        refusal = refusal_of(error)
        if refusal is None:
            show_bug(error)
        else:
            show_error(refusal)
            told.exit_code = refusal.exit_code
    told.printed = printed.getvalue()
    pipe.send(told)
    pipe.close()


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        tell("the process that started this one is gone; stopping")
        os.kill(os.getpid(), signal.SIGTERM)


class _Lines(io.TextIOBase):
    """Stderr that several processes share: a line at a time, and no terminal to draw on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rest = ""

    def write(self, text: str) -> int:
        """Write the lines that are whole."""
        whole, end, self._rest = (self._rest + text).rpartition("\n")
        if end:
            self._stream.write(whole + end)
            self._stream.flush()
        return len(text)

    def fileno(self) -> int:
        """The stream's own."""
        return self._stream.fileno()

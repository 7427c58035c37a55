"""The dry run: everything that a run does, except sending.

The rule: nothing is sent and no byte of the state changes; the counts come from the same preparer that a run uses.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

import orjson

from etl.books import Books
from etl.checkpoint import Checkpoint
from etl.errors import EtlError
from etl.event.encode import envelope
from etl.event.event import Event
from etl.exact import key_text
from etl.job.again import count_changes
from etl.job.fuse import Fuse
from etl.job.outcome import ExampleEvent, Forecast, Kind, Outcome, TrippedGuard
from etl.job.ports import Letters, Pages
from etl.job.prepare import Prepared, Preparer
from etl.job.reading import RowLimit
from etl.mapping.change import MappingChange
from etl.mapping.model import Mapping
from etl.page import Window

EXAMPLES = 3
# Rows: as many as are read and mapped in a second or two.
QUICKLY = 20_000

if TYPE_CHECKING:
    from etl.job.run import RunContext


class Forecaster:
    """Counts what a run over some windows would do. Ask `books` and `forecast()` afterwards."""

    def __init__(
        self, mapping: Mapping, *, prepare: Preparer, fuse: Fuse, letters: Letters, change: MappingChange | None = None
    ) -> None:
        self.books = Books()
        self._mapping = mapping
        self._prepare = prepare
        self._fuse = fuse
        self._letters = letters
        self._change = change
        # How many of the changed events differ only because the mapping changed.
        self.by_mapping = 0
        self.events = 0
        self._new_rows = 0
        self._requests = 0
        self._body_bytes = 0
        self._in_request = 0
        self._request_bytes = 0
        self._present: Counter[str] = Counter()
        self._examples: defaultdict[str, list[str]] = defaultdict(list)
        self._shown: defaultdict[str, list[ExampleEvent]] = defaultdict(list)

    def read(
        self,
        source: Pages,
        windows: Iterable[Window],
        *,
        limit: int | None = None,
        report: Callable[[Books], None] = lambda _: None,
    ) -> None:
        """Read `windows` up to `limit` rows (see `RowLimit`; None: all) and count."""
        wanted = RowLimit(limit)
        for window in windows:
            if wanted.reached:
                return
            for page in source.pages(window, limit=wanted.left_in(window)):
                prepared = self._prepare(page, first_seq=self.books.read, stamp=0)
                wanted.count(prepared.rows, window)
                self.books.read += prepared.rows
                self._new_rows += prepared.rows if window.moves_checkpoint else 0
                self.books.invalid += len(prepared.invalid)
                self.books.acknowledged += self._letters.acknowledged((row.key, row.reason) for row in prepared.invalid)
                self.books.unchanged += len(prepared.unchanged_keys) + prepared.given_up
                self.books.suppressed += len(prepared.suppressed)
                self.books.reasons.update(prepared.reasons)
                self.books.omitted.update(prepared.omitted)
                for row in prepared.invalid:
                    if len(self._examples[row.reason]) < EXAMPLES:
                        self._examples[row.reason].append(key_text(row.key))
                for event in prepared.events:
                    self._pack(event, prepared)
                if self._mapping.resend == "changed":
                    count_changes(prepared.events, prepared.again, self.books)
                if self._change is not None:
                    fields = (prepared.again.get(event.seq) for event in prepared.events)
                    self.by_mapping += sum(each is not None and self._change.explains(each) for each in fields)
                report(self.books)

    def forecast(self, *, in_windows: bool = False, guards: tuple[TrippedGuard, ...] = ()) -> Forecast:
        """The forecast of what was counted so far; its seconds are those that the throttle alone would take.

        in_windows: no request holds events of two windows, as in a backfill. guards: those that would stop the run.
        """
        rate, books = self._mapping.destination.rate_limit, self.books
        without_others = 0 if self.events or in_windows else self._new_rows
        requests = self._requests + (1 if self._in_request else 0)
        names = sorted(self._mapping.fields)
        return Forecast(
            events=self.events,
            requests=requests,
            body_bytes=self._body_bytes + requests * len(envelope(())),
            seconds=max(requests / rate.requests_per_second, self.events / rate.events_per_second),
            null_rates={name: 1 - self._present[name] / self.events for name in names} if self.events else {},
            examples=dict(self._examples),
            would_stop=self._fuse.blown(
                invalid=books.invalid,
                rejected=0,
                known=books.read - books.reasons["dead_letter"],
                without_others=without_others,
            ),
            guards=guards,
            by_mapping=self.by_mapping,
            shown=(*self._shown["sent"], *self._shown["new"], *self._shown["changed"]),
        )

    def _pack(self, event: Event, page: Prepared) -> None:
        destination, body = self._mapping.destination, event.body
        full = self._in_request == destination.batch_size
        if full or self._request_bytes + len(body) + 1 > destination.max_batch_bytes:
            self._requests += 1
            self._in_request = self._request_bytes = 0
        self._in_request += 1
        self._request_bytes += len(body) + 1
        self.events += 1
        self._body_bytes += len(body) + 1
        content: dict[str, object] = orjson.loads(body)
        self._present.update(content.keys())
        self._show(event, content, page)

    def _show(self, event: Event, content: dict[str, object], page: Prepared) -> None:
        fields = page.again.get(event.seq, ())
        if fields is None:
            return  # the same event was accepted before
        kind: Kind = "sent" if self._mapping.resend == "always" else "changed" if event.seq in page.again else "new"
        if len(self._shown[kind]) < EXAMPLES:
            self._shown[kind].append(ExampleEvent(kind, key_text(event.key), content, fields))


def forecast_outcome(  # noqa: PLR0913 - what an outcome of a dry run is made of
    context: RunContext,
    command: Literal["run", "backfill"],
    run_id: str,
    books: Books,
    forecast: Forecast,
    *,
    begun: float,
    before: Checkpoint | None = None,
) -> Outcome:
    """The outcome of a dry run that began at `begun` on the monotonic clock; no checkpoint moved."""
    return Outcome(
        mapping=context.mapping.name,
        command=command,
        run_id=run_id,
        books=books,
        duration_seconds=context.clock.monotonic() - begun,
        before=before,
        checkpoint=before,
        dry_run=True,
        forecast=forecast,
        follows_clock=context.source.follows_clock,
        mapping_change=context.mapping_change,
    ).ended(context.clock.utc_now())


def rows_that_differ(context: RunContext) -> int | None:
    """How many accepted rows of the whole source would be sent as changed; None where counting them would take long."""
    if context.mapping.resend == "always":
        return None
    try:
        rows = context.source.count_for_report(Window())
        if rows is None or rows > QUICKLY:
            return None
        looked = Forecaster(
            context.mapping, prepare=context.preparer(compare=True), fuse=context.fuse, letters=context.state.letters
        )
        looked.read(context.source, context.source.start_windows(None, context.source.upper_bound()))
    except EtlError:
        return None  # the run itself will raise the same error
    return looked.books.changed

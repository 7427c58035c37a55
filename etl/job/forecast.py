"""The dry run: the whole run but the sending.

The rule: nothing is sent and no byte of the state changes; the counts come from the same preparer that a run uses.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

import orjson

from etl.batch.encode import envelope
from etl.books import Books
from etl.exact import key_text
from etl.job.fuse import Fuse
from etl.job.outcome import Forecast
from etl.job.ports import PageSource
from etl.job.prepare import Preparer
from etl.mapping.model import Mapping
from etl.page import Window

EXAMPLES = 3


class Forecaster:
    """Counts what a run over some windows would do. Ask `books` and `forecast()` afterwards."""

    def __init__(self, mapping: Mapping, *, prepare: Preparer, fuse: Fuse) -> None:
        self.books = Books()
        self._mapping = mapping
        self._prepare = prepare
        self._fuse = fuse
        self.events = 0
        self._requests = 0
        self._body_bytes = 0
        self._in_request = 0
        self._request_bytes = 0
        self._present: Counter[str] = Counter()
        self._examples: defaultdict[str, list[str]] = defaultdict(list)

    def read(
        self,
        source: PageSource,
        windows: Iterable[Window],
        *,
        limit: int | None = None,
        report: Callable[[Books], None] = lambda _: None,
    ) -> None:
        """Read `windows` up to `limit` rows (None: all) and count."""
        for window in windows:
            for page in source.pages(window):
                if limit is not None and self.books.read >= limit:
                    return
                prepared = self._prepare(page, first_seq=self.books.read, stamp=0)
                self.books.read += prepared.rows
                self.books.invalid += len(prepared.invalid)
                self.books.unchanged += len(prepared.unchanged_keys) + prepared.given_up
                self.books.reasons.update(prepared.reasons)
                for row in prepared.invalid:
                    if len(self._examples[row.reason]) < EXAMPLES:
                        self._examples[row.reason].append(key_text(row.key))
                for event in prepared.events:
                    self._pack(event.body)
                report(self.books)

    def forecast(self) -> Forecast:
        """What was counted so far; the time is what the throttle alone would take."""
        rate = self._mapping.destination.rate_limit
        requests = self._requests + (1 if self._in_request else 0)
        names = sorted(self._mapping.fields)
        return Forecast(
            events=self.events,
            requests=requests,
            body_bytes=self._body_bytes + requests * len(envelope(())),
            seconds=max(requests / rate.requests_per_second, self.events / rate.events_per_second),
            null_rates={name: 1 - self._present[name] / self.events for name in names} if self.events else {},
            examples=dict(self._examples),
            would_stop=self._fuse.blown(failures=self.books.invalid, examined=self.books.read),
        )

    def _pack(self, body: bytes) -> None:
        destination = self._mapping.destination
        full = self._in_request == destination.batch_size
        if full or self._request_bytes + len(body) + 1 > destination.max_batch_bytes:
            self._requests += 1
            self._in_request = self._request_bytes = 0
        self._in_request += 1
        self._request_bytes += len(body) + 1
        self.events += 1
        self._body_bytes += len(body) + 1
        self._present.update(orjson.loads(body).keys())

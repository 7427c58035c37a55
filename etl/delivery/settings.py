"""The settings of a courier, and the counts that it keeps."""

from __future__ import annotations

from dataclasses import dataclass

from etl.delivery.retry import RetrySettings

# Bytes that take some seconds to send, whatever the size of events.
WAITING_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CourierSettings:
    """How to deliver.

    batch_size, max_batch_bytes: most events and bytes a request. concurrency: most requests in flight. span_events: the
    newest event that left is fewer than so many events ahead of the oldest unsettled one; at least `batch_size`.
    Without a ledger, `concurrency x batch_size` bounds the repeats after a kill. The others are `RetrySettings`.
    """

    batch_size: int = 100
    max_batch_bytes: int = 524_288
    concurrency: int = 4
    span_events: int = 400
    max_attempts: int = 8
    max_backoff_seconds: float = 60.0
    give_up_after_seconds: float = 600.0
    first_backoff_seconds: float = 1.0
    retry_allowance: int = 100

    @property
    def waiting_bytes(self) -> int:
        """With so many bytes waiting nothing more is admitted: twice the size of a request, so they surely fill one."""
        return max(WAITING_BYTES, 2 * self.max_batch_bytes)

    @property
    def wide(self) -> bool:
        """Whether the span is wider than what can be in flight at once, because the ledger avoids repeats."""
        return self.span_events > self.concurrency * self.batch_size

    @property
    def retry(self) -> RetrySettings:
        """The bounds on trying again."""
        return RetrySettings(
            max_attempts=self.max_attempts,
            first_backoff_seconds=self.first_backoff_seconds,
            max_backoff_seconds=self.max_backoff_seconds,
            give_up_after_seconds=self.give_up_after_seconds,
            allowance=self.retry_allowance,
        )


@dataclass(slots=True)
class CourierTally:
    """What delivery did so far.

    requests: attempts. retries: attempts that repeated another. ambiguous: attempts after which it is unknown whether
    the events were accepted. unconfirmed: events taken as accepted although the API did not say so. waited_seconds: the
    time in which a request waited only for the throttle.
    """

    requests: int = 0
    retries: int = 0
    ambiguous: int = 0
    unconfirmed: int = 0
    waited_seconds: float = 0.0

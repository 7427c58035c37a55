"""Tells a cron monitor that the work began and how it ended.

The rule: in the background, at most ten seconds after the end, and never a reason to fail. What is sent names
mappings, counts and codes; no value, no address, no secret.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from queue import SimpleQueue
from typing import Final

import httpx

from etl import __version__
from etl.monitoring.addresses import PingUrl, Signal
from etl.monitoring.ending import Ending

ATTEMPT_SECONDS = 5.0
ATTEMPTS = 2
CLOSE_SECONDS = ATTEMPT_SECONDS * ATTEMPTS


class Pinger:
    """Sends pings in the order in which they are given, from a thread of its own."""

    def __init__(self, url: PingUrl) -> None:
        self._url: Final = url
        self._waiting: Final[SimpleQueue[tuple[Signal, str] | None]] = SimpleQueue()
        # A daemon thread: the process waits for it in `close` only.
        self._thread: Final = threading.Thread(target=self._work, name="ping", daemon=True)
        self._problem: str | None = None
        self._thread.start()

    def send(self, signal: Signal, words: str = "") -> None:
        """Send `signal` soon, with `words` as its body. Never waits, never fails."""
        self._waiting.put((signal, words))

    def close(self) -> str | None:
        """Wait for pings under way, ten seconds at most. Returns why a ping failed; None if all arrived."""
        self._waiting.put(None)
        self._thread.join(CLOSE_SECONDS)
        return "no answer in time" if self._thread.is_alive() else self._problem

    def _work(self) -> None:
        try:
            with httpx.Client(
                timeout=ATTEMPT_SECONDS, trust_env=False, headers={"User-Agent": f"squeezely-etl/{__version__}"}
            ) as client:
                while (ping := self._waiting.get()) is not None:
                    signal, words = ping
                    # A lost start does not matter if the end arrived.
                    self._problem = _told(client, self._url.of(signal), words)
        except (OSError, ValueError, httpx.HTTPError) as problem:
            self._problem = type(problem).__name__


def _told(client: httpx.Client, address: str, words: str) -> str | None:
    said = None
    for _ in range(ATTEMPTS):
        try:
            answer = client.post(address, content=words.encode())
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as problem:
            # The error's text would contain the address.
            said = f"no answer ({type(problem).__name__})"
            continue
        if answer.is_success:
            return None
        said = f"it answered {answer.status_code}"
    return said


def words_for(endings: Iterable[Ending], *, exit_code: int) -> str:
    """What a monitor is told of `endings`: a line a mapping, with the books and the codes of problems."""
    lines = [f"squeezely-etl ended with exit code {exit_code}"]
    for ending in endings:
        outcome, books = ending.outcome, ending.outcome.books
        lines.append(
            f"{outcome.mapping}: {outcome.command} {outcome.outcome} with exit code {outcome.exit_code} "
            f"in {outcome.duration_seconds:.0f} s"
        )
        counts = (f"{getattr(books, name)} {name}" for name in _COUNTS if getattr(books, name))
        lines.append("  " + (", ".join(counts) or "nothing read"))
        if outcome.forecast is not None:
            lines += [f"  {guard.name}: {guard.words}" for guard in outcome.forecast.guards]
        lines += [f"  {reason} {count}" for reason, count in books.reasons.most_common()]
        lines += [f"  {field} omitted: {code} {count}" for (field, code), count in books.omitted.most_common()]
        if ending.dead_letters:
            lines.append(f"  {sum(ending.dead_letters.values())} dead letters open")
    return "\n".join(lines) + "\n"


_COUNTS = ("read", "sent", "unchanged", "invalid", "rejected", "unsent", "held", "unconfirmed", "requests", "retries")

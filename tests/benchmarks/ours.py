"""The product as its users run it: the command line in a process of its own, its state on disk."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

MAPPING = """\
version: 1
name: customers
source:
  url: ${BENCH_DATABASE_URL}
  table: customers
  primary_key: id
  cursor_field: updated_at
  timezone: UTC
  settle: 0s
  lookback: 0
event: CustomerUpdated
fields:
  email: email
  firstname: {column: first_name, transform: [strip]}
  lastname: {column: last_name, transform: [strip]}
  language: {column: locale}
  currency: {column: currency}
  newsletter: {column: newsletter}
  birthdate: {column: birthdate}
  custom_ltv: {column: lifetime_value, type: number}
  custom_order_count: {column: order_count, type: integer}
  custom_province: province
  custom_customer_id: {column: id, type: integer}
  timestamp: {column: updated_at}
resend: %(resend)s
destination:
  url: ${BENCH_SINK_URL}
  account: bench-%(account)s
  api_key: bench-key-0
  batch_size: %(batch_size)d
  max_batch_bytes: 1MiB
  concurrency: %(concurrency)d
  rate_limit: %(rate_limit)s
"""
BOUNDLESS = "{requests_per_second: 10000, events_per_second: 1000000}"
DEFAULT = "{requests_per_second: 10, events_per_second: 1000}"


def write_mapping(folder: Path, *, resend: str, batch_size: int, concurrency: int, throttled: bool = False) -> Path:
    """The mapping in `folder`; unless `throttled`, its rate limit allows more than any machine can do."""
    path = folder / f"{resend}-{batch_size}-{concurrency}.yaml"
    values = {
        "resend": resend,
        "batch_size": batch_size,
        "concurrency": concurrency,
        # The rate is shared by account, so that other work on this machine needs another one.
        "account": os.getpid(),
        "rate_limit": DEFAULT if throttled else BOUNDLESS,
    }
    path.write_text(MAPPING % values)
    return path


def command(mapping: Path, state: Path, *options: str) -> list[str]:
    """The command line of a run from the beginning, whatever the state has reached."""
    words = ["run", str(mapping), "--state", str(state), "--start-from", "beginning", "--yes", "-o", "json", *options]
    return [sys.executable, "-m", "etl", *words]


def environment(database_url: str, sink_url: str) -> dict[str, str]:
    """The variables of a run; nothing is inherited but the path."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "BENCH_DATABASE_URL": database_url,
        "BENCH_SINK_URL": sink_url,
    }


def summary(output: str) -> dict[str, Any]:
    """The run's books."""
    books: dict[str, Any] = json.loads(output.splitlines()[-1])
    return books


@contextmanager
def fresh_state(folder: Path) -> Iterator[Path]:
    """A place for a state file that was not used before."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    yield folder / "state" / "state.sqlite"
    shutil.rmtree(folder / "state", ignore_errors=True)

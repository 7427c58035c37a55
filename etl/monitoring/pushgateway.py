"""Sends a run's figures to a Pushgateway, where no collector reads a file.

The rule: in the background, ten seconds at most, and never a reason to fail. The figures of a mapping and a command are
a group, and so are those of a mapping that no command owns: what a run knows replaces what stood there.
https://github.com/prometheus/pushgateway#use-it
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client import push_to_gateway, pushadd_to_gateway

from etl.monitoring.ending import Ending
from etl.monitoring.metrics import DEAD_LETTERS, Series, figures_of, registry_of
from etl.secret import Secret

JOB = "squeezely-etl"
ATTEMPT_SECONDS = 4.0
LONGEST_SECONDS = 10.0


class _NotTakenError(Exception):
    """The gateway answered that it did not take the figures."""


def push_metrics(gateway: Secret, ending: Ending) -> str | None:
    """Send the figures of `ending` to `gateway`. Returns what went wrong, for people; None when it took them."""
    said: list[str | None] = []

    def work() -> None:
        try:
            _push(gateway, ending)
        except _NotTakenError as problem:
            said.append(str(problem))
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as problem:
            # Its text would name the address.
            said.append(f"no answer ({type(problem).__name__})")
        else:
            said.append(None)

    # A daemon: the end of the process waits so long, and no longer.
    thread = threading.Thread(target=work, name="push", daemon=True)
    thread.start()
    thread.join(LONGEST_SECONDS)
    return said[0] if said else "no answer in time"


def _push(gateway: Secret, ending: Ending) -> None:
    figures = figures_of(ending)
    mapping, command = {"mapping": ending.outcome.mapping}, {"command": ending.outcome.command}
    of_run = {series: value for series, value in figures.items() if "command" in dict(series.labels)}
    of_mapping = {series: value for series, value in figures.items() if series not in of_run}
    if ending.dead_letters == {}:
        # Without this zero the Pushgateway would go on showing closed dead letters as open.
        of_mapping[Series(DEAD_LETTERS, ())] = 0
    # If it is unknown whether a run was ever done, the old figure is kept: POST replaces single figures.
    send = pushadd_to_gateway if ending.last_done_at is None else push_to_gateway
    shared: dict[str, Any] = {"job": JOB, "timeout": ATTEMPT_SECONDS, "handler": _by_httpx}
    send(gateway.reveal(), registry=registry_of(of_run), grouping_key={**mapping, **command}, **shared)
    if of_mapping:
        pushadd_to_gateway(gateway.reveal(), registry=registry_of(of_mapping), grouping_key=mapping, **shared)


def _by_httpx(
    url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes
) -> Callable[[], None]:
    # The library's own handler uses the environment's proxies, and puts the address into its errors.
    def send() -> None:
        answer = httpx.request(method, url, headers=headers, content=data, timeout=timeout, trust_env=False)
        if not answer.is_success:
            raise _NotTakenError(f"it answered {answer.status_code}")

    return send

"""Sends a message to people: chat, mail and whatever else the Apprise library knows.

The rule: in the background, twenty seconds at most for all addresses, and never a reason to fail. An address is a
secret: neither it nor what the service answered is shown.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping

import apprise

from etl.monitoring.addresses import Notice
from etl.secret import Secret

LONGEST_SECONDS = 20.0


def parse_notify_url(text: str) -> Secret:
    """The address in `text`. Raises ValueError for people, without the address."""
    if not _apprise().add(text):
        raise ValueError("not an address of Apprise, such as slack://…, msteams://… or mailtos://…")
    return Secret(text)


def send_notices(notices: Mapping[Secret, Notice]) -> tuple[frozenset[Secret], str | None]:
    """Send each to its address. Returns who took it, and what went wrong, for people; None when each did."""
    taken: queue.SimpleQueue[Secret] = queue.SimpleQueue()

    def send(url: Secret, notice: Notice) -> None:
        one = _apprise()
        one.add(url.reveal())
        kind = apprise.NotifyType.WARNING if notice.bad else apprise.NotifyType.SUCCESS
        if one.notify(body=notice.body, title=notice.title, notify_type=kind):
            taken.put(url)

    # In parallel, so that an address that does not answer does not delay the others. Daemon threads, so that the
    # process waits no longer than the limit.
    threads = [threading.Thread(target=send, args=each, name="notify", daemon=True) for each in notices.items()]
    for thread in threads:
        thread.start()
    end = time.monotonic() + LONGEST_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    found = frozenset(taken.get() for _ in range(taken.qsize()))
    missing = len(notices) - len(found)
    if not missing:
        return found, None
    late = missing == sum(thread.is_alive() for thread in threads)
    return found, f"{missing} of {len(notices)} addresses {'gave no answer in time' if late else 'did not take it'}"


def _apprise() -> apprise.Apprise:
    # Apprise's log messages contain addresses.
    logging.getLogger("apprise").disabled = True
    asset = apprise.AppriseAsset(
        app_id="squeezely-etl", app_desc="squeezely-etl", async_mode=False, secure_logging=True
    )
    return apprise.Apprise(asset=asset)

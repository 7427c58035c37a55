"""Sends a message to people: chat, mail and whatever else the Apprise library knows.

The rule: in the background, twenty seconds at most, and never a reason to fail. An address is a secret: neither it nor
what the service answered is shown.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import apprise

from etl.secret import Secret

LONGEST_SECONDS = 20.0


def parse_notify_url(text: str) -> Secret:
    """The address in `text`. Raises ValueError for people, without the address."""
    if not _apprise().add(text):
        raise ValueError("not an address of Apprise, such as slack://…, msteams://… or mailtos://…")
    return Secret(text)


def send_notice(urls: Sequence[Secret], *, title: str, body: str, bad: bool) -> str | None:
    """Send to all of `urls`. Returns what went wrong, for people; None when each of them took it."""
    kind = apprise.NotifyType.WARNING if bad else apprise.NotifyType.SUCCESS
    taken: list[bool] = []

    def work() -> None:
        for url in urls:
            one = _apprise()
            one.add(url.reveal())
            taken.append(bool(one.notify(body=body, title=title, notify_type=kind)))

    # A daemon: the end of the process waits so long, and no longer.
    thread = threading.Thread(target=work, name="notify", daemon=True)
    thread.start()
    thread.join(LONGEST_SECONDS)
    if thread.is_alive():
        return "no answer in time"
    missing = len(urls) - sum(taken)
    return f"{missing} of {len(urls)} addresses did not take it" if missing else None


def _apprise() -> apprise.Apprise:
    # What it logs names addresses.
    logging.getLogger("apprise").disabled = True
    asset = apprise.AppriseAsset(
        app_id="squeezely-etl", app_desc="squeezely-etl", async_mode=False, secure_logging=True
    )
    return apprise.Apprise(asset=asset)

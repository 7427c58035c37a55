"""The addresses of people to notify, kept like secrets; Apprise, which reads them, is loaded only where there are any.

The rule: an address is never shown, not even when it is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from etl.errors import UsageProblem
from etl.install import pip_install
from etl.secret import Secret


def parse_notify_urls(texts: Sequence[str]) -> tuple[Secret, ...]:
    """The addresses in `texts`, one each.

    Raises:
        ValueError: one is no address of Apprise; for people, without the address.
        UsageProblem: Apprise is not installed.
    """
    if not texts:
        return ()
    try:
        from etl.monitoring.notify import parse_notify_url  # noqa: PLC0415 - loads Apprise, which may not be there
    except ImportError:
        raise UsageProblem(
            "a notification needs the package Apprise, which is not installed", hint=pip_install("apprise")
        ) from None
    return tuple(map(parse_notify_url, texts))

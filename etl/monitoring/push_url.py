"""The address of a Pushgateway, kept like a secret: it may hold a user's name and password.

The rule: plain http carries no password but to this machine; the address is never shown, not even when it is wrong.
"""

from __future__ import annotations

from etl.monitoring.ping_url import LOOPBACK, parse_address
from etl.secret import Secret


def parse_push_url(text: str) -> Secret:
    """The address in `text`. Raises ValueError for people, without the address."""
    found = parse_address(text, begins="http:// or https://")
    if found.query or found.fragment:
        raise ValueError("the address of a Pushgateway has no ? and no # in it")
    if found.scheme == "http" and "@" in found.netloc and not LOOPBACK.fullmatch(found.hostname or ""):
        raise ValueError("plain http shows the password to everybody on the way; write https")
    return Secret(text)

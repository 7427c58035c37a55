"""Checks the addresses for reports of a run: of a cron monitor, a Pushgateway, people.

The rule: https, or http on this machine or in the local network. An address is treated as a secret, because anybody who
has it can report that all is well, and it may hold a password. It is never shown, even if it is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from etl.errors import UsageProblem
from etl.install import pip_install
from etl.secret import Secret

Signal = Literal["start", "success", "fail"]
LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1", re.ASCII)


@dataclass(frozen=True, slots=True)
class PingUrl:
    """Where a cron monitor listens, in the style of healthchecks.io: URL/start, URL, URL/fail."""

    address: Secret

    def of(self, signal: Signal) -> str:
        """The full address of `signal`. Give it to nothing that keeps or prints it."""
        found = urlsplit(self.address.reveal())
        path = found.path.rstrip("/")
        return found._replace(path=path if signal == "success" else f"{path}/{signal}").geturl()


@dataclass(frozen=True, slots=True)
class Notice:
    """One message; `bad`: something needs a person."""

    title: str
    body: str
    bad: bool


def parse_ping_url(text: str) -> PingUrl:
    """The address in `text`. Raises ValueError for people, without the address."""
    found = parse_address(text, begins="https://")
    if found.username is not None or found.password is not None or found.fragment:
        raise ValueError("an address has no user name and no # in it")
    if found.scheme == "http" and not LOOPBACK.fullmatch(found.hostname or ""):
        raise ValueError("plain http shows the address to everybody on the way; write https")
    return PingUrl(Secret(text))


def parse_address(text: str, *, begins: str) -> SplitResult:
    """The parts of an address of HTTP. Raises ValueError for people, without the address; `begins`: how one begins."""
    try:
        found = urlsplit(text)
        _ = found.port
    except ValueError:
        raise ValueError("not an address") from None
    if not text.isascii() or not text.isprintable() or set(text) & set(' "<>\\^`{|}'):
        raise ValueError("an address holds no spaces and no letters outside ASCII")
    if found.scheme not in ("https", "http") or not found.hostname:
        raise ValueError(f"expected an address that begins with {begins}")
    return found


def parse_push_url(text: str) -> Secret:
    """The address in `text`. Raises ValueError for people, without the address."""
    found = parse_address(text, begins="http:// or https://")
    if found.query or found.fragment:
        raise ValueError("the address of a Pushgateway has no ? and no # in it")
    if found.scheme == "http" and "@" in found.netloc and not LOOPBACK.fullmatch(found.hostname or ""):
        raise ValueError("plain http shows the password to everybody on the way; write https")
    return Secret(text)


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

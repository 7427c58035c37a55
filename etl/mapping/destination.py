"""Where the events go: address, account, key, and how fast.

Addresses follow a closed grammar, so that no two parsers can read one differently (F8, F9); account and key hold only
what a header may (F10).
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from etl.mapping import values as leaves
from etl.mapping.field_rule import FLAG, Section
from etl.mapping.values import duration, integer, leaf, optional, positive_number, size
from etl.secret import Secret

VENDOR_HOST = "api.squeezely.tech"
VENDOR_URL = f"https://{VENDOR_HOST}"

_URL = re.compile(
    r"(https?)://([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?((?:/[A-Za-z0-9._~-]+)*)/?",
    re.ASCII,
)
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[::1\]", re.ASCII)
_HEADER_TEXT = re.compile(r"[!-~]+", re.ASCII)


def parse_destination_url(value: object) -> str:
    """`https://host[:port][/path]` without a trailing slash; http for loopback only."""
    url = leaves.parse_text(value)
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(_why_not_a_url(url))
    scheme, host, port, path = found.groups()
    if port is not None and not 1 <= int(port) <= 65535:
        raise ValueError("the port must be from 1 to 65535")
    if scheme == "http" and not _LOOPBACK.fullmatch(host.lower()):
        raise ValueError("plain http sends the API key in the clear; write https (http is for loopback only)")
    if any(part in (".", "..") for part in path.split("/")):
        raise ValueError('an address has no "." or ".." in its path')
    return f"{scheme}://{host.lower()}{'' if port is None else f':{port}'}{path}"


def is_expected_host(url: str) -> bool:
    """Whether `url`, parsed before, is the vendor's or this machine's: any other is named when a run begins (F8)."""
    found = _URL.fullmatch(url)
    host = found.group(2) if found else ""
    return host == VENDOR_HOST or bool(_LOOPBACK.fullmatch(host))


def _why_not_a_url(url: str) -> str:
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if not url.startswith(("https://", "http://")):
        return f"expected an address that begins with https://, such as {VENDOR_URL}"
    if "@" in authority or "\\" in url:
        return "an address has no user name or password in it; write https://host"
    if "?" in url or "#" in url:
        return "an address has neither ? nor #; write https://host"
    return f"expected an address such as {VENDOR_URL}"


def _header_text(what: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"expected {what}, got {leaves.kind_of(value)}")
    if not value:
        raise ValueError(f"is empty; give {what}")
    if value[-1] in "\r\n":
        raise ValueError("ends with a line break; remove it (a file read by ${file:…} may end with one)")
    if not _HEADER_TEXT.fullmatch(value):
        raise ValueError("holds a space, a control character or a letter outside ASCII, which no HTTP header may carry")
    return value


def parse_account(value: object) -> str:
    """The account id as a header can carry it."""
    return _header_text("the account's id", value)


def parse_api_key(value: object) -> Secret:
    """The API key as a header can carry it, masked."""
    return value if isinstance(value, Secret) else Secret(_header_text("the API key", value))


def _parse_path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(leaves.parse_name(value))


class RateLimit(Section):
    """The rate that no process on this host exceeds, all together."""

    requests_per_second: Annotated[float, positive_number(10_000)] = Field(
        default=10.0, description="Requests a second, at most."
    )
    events_per_second: Annotated[float, positive_number(1_000_000)] = Field(
        default=1000.0, description="Events a second, at most."
    )


class Retry(Section):
    """How long to try again what may succeed later."""

    max_attempts: Annotated[int, integer(1, 100)] = Field(default=8, description="Attempts for one request, at most.")
    max_backoff: Annotated[timedelta, duration("100ms", "1h")] = Field(
        default=timedelta(seconds=60),
        description="The longest wait between two attempts (a Retry-After may ask for more).",
        json_schema_extra={"default": "60s"},
    )
    give_up_after: Annotated[timedelta, duration("1s", "7d")] = Field(
        default=timedelta(minutes=10),
        description="Without any success for so long, the run stops cleanly; the next one goes on.",
        json_schema_extra={"default": "10m"},
    )


class Destination(Section):
    """The API, the account, and the limits to keep."""

    url: Annotated[str, leaf(parse_destination_url, {"type": "string", "pattern": r"^https?://|\$\{"})] = Field(
        default=VENDOR_URL, description="The API's address: https, or http for loopback."
    )
    account: Annotated[str, leaf(parse_account, {"type": ["string", "integer"]})] = Field(
        default="${SQUEEZELY_ACCOUNT}", description="The account's id (header X-AUTH-ACCOUNT)."
    )
    api_key: Annotated[Secret, leaf(parse_api_key, {"type": "string", "default": "${SQUEEZELY_API_KEY}"})] = Field(
        default_factory=lambda: Secret("${SQUEEZELY_API_KEY}"),
        description="The API key (header X-AUTH-APIKEY): ${SQUEEZELY_API_KEY} or ${file:/run/secrets/key}, never the "
        "key itself.",
    )
    multiple_languages: Annotated[bool, FLAG] = Field(
        default=False,
        description="The account has several languages: each product, and each event without products, must carry "
        "language.",
    )
    multiple_currencies: Annotated[bool, FLAG] = Field(
        default=False, description="The account has several currencies: events with amounts must carry currency."
    )
    batch_size: Annotated[int, integer(1, 10_000)] = Field(default=100, description="Events in a request, at most.")
    max_batch_bytes: Annotated[int, size(1024, "64MiB")] = Field(
        default=524_288, description="Bytes of a request's body, at most.", json_schema_extra={"default": "512KiB"}
    )
    concurrency: Annotated[int, integer(1, 64)] = Field(default=4, description="Requests in flight, at most.")
    rate_limit: RateLimit = Field(default_factory=RateLimit, description="How fast, for all processes of this host.")
    retry: Retry = Field(default_factory=Retry, description="How often and how long to try again.")
    timeout: Annotated[timedelta, duration("100ms", "1h")] = Field(
        default=timedelta(seconds=30),
        description="For one whole attempt, from connecting to the answer's last byte.",
        json_schema_extra={"default": "30s"},
    )
    ca_file: Annotated[Path | None, optional(leaf(_parse_path, {"type": "string", "minLength": 1}))] = Field(
        default=None,
        description="A file with the certificates to trust instead of the usual ones; relative to the mapping file.",
    )
    proxy: Annotated[bool, FLAG] = Field(
        default=False, description="Use the environment's proxies (HTTPS_PROXY and the like)."
    )

    @property
    def host(self) -> str:
        """The API's host, with the port where the address names one."""
        return urlsplit(self.url).netloc

    @property
    def host_and_port(self) -> str:
        """The same with the port in any case."""
        address = urlsplit(self.url)
        usual = 443 if address.scheme == "https" else 80
        return address.netloc if address.port is not None else f"{address.netloc}:{usual}"

    @field_validator("ca_file")
    @classmethod
    def _beside_the_mapping(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        folder = (info.context or {}).get("folder")
        return value if value is None or folder is None else Path(folder) / value

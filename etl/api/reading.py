"""Reads an answer no further than a verdict needs it: few headers, and at most 1 MiB of a body.

Compressed answers are unpacked piece by piece, so that a small bomb cannot become a large text (C24).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

from etl.verdict.retry_after import SEPARATOR

MAX_ANSWER_BYTES = 1024 * 1024

_KEPT = (b"date", b"content-type")
_MAX_HEADER = 200
_MAX_HEADERS = 2000
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}\Z")
_ENCODINGS = {"gzip": 47, "x-gzip": 47, "deflate": 47}  # 32 + 15: zlib finds out whether it is zlib or gzip


@dataclass(frozen=True, slots=True)
class Head:
    """The headers of an answer that are kept, by lower-case name, and its content encoding ("" = none that is known).

    An unknown name (`UTF-8`, written by mistake) is ignored: a body that is really encoded is no JSON, and fails later.
    """

    kept: dict[str, str]
    encoding: str


def read_head(headers: Sequence[tuple[bytes, bytes]], *, now: datetime) -> Head:
    """Keep what a verdict reads. `now` stands in for the Date of a server that does not send one."""
    kept: dict[str, str] = {}
    encoding = ""
    for raw_name, raw_value in headers:
        name = raw_name.lower()
        if name == b"retry-after":
            # One from the server, others from proxies before it: `etl.verdict.retry_after` decides which counts.
            said = raw_value[:_MAX_HEADERS].decode("latin-1")
            joined = kept["retry-after"] + SEPARATOR + said if "retry-after" in kept else said
            if len(joined) <= _MAX_HEADERS:
                kept["retry-after"] = joined
        elif name in _KEPT:
            kept[name.decode("ascii")] = raw_value[:_MAX_HEADER].decode("latin-1")
        elif name == b"location":
            host = _host(raw_value.decode("latin-1"))
            if host:
                kept["location"] = host
        elif name == b"content-encoding":
            encoding = _encoding(raw_value[:_MAX_HEADER].decode("latin-1")) or encoding
    if "retry-after" in kept:
        kept.setdefault("date", format_datetime(now, usegmt=True))
    return Head(kept, encoding)


def _encoding(names: str) -> str:
    """The one encoding in a list of names that can be unpacked; "" for none."""
    return next((name for name in (part.strip().lower() for part in names.split(",")) if name in _ENCODINGS), "")


def _host(location: str) -> str:
    """The host that a redirect names; "" for a relative one. Never its path, which may echo the request."""
    try:
        host = urlsplit(location).hostname or ""
    except ValueError:
        return ""
    return host if _HOST.match(host) else ""


class BodyReader:
    """Collects a body up to `MAX_ANSWER_BYTES`, raw as well as decoded."""

    def __init__(self, encoding: str) -> None:
        self.truncated = False
        self._parts: list[bytes] = []
        self._raw_left = self._left = MAX_ANSWER_BYTES
        self._unpack = zlib.decompressobj(_ENCODINGS[encoding]) if encoding else None

    def read(self, chunks: Iterable[bytes]) -> None:
        """Read until the end or a limit; what `chunks` raises passes through, after which `body` holds what came."""
        self.truncated = True
        for chunk in chunks:
            self._raw_left -= len(chunk)
            if self._raw_left < 0 or not self._take(chunk):
                return
        self.truncated = not (self._unpack is None or self._unpack.eof or self._is_empty)

    @property
    def body(self) -> bytes:
        """What was read, decoded."""
        return b"".join(self._parts)

    @property
    def _is_empty(self) -> bool:
        return self._raw_left == MAX_ANSWER_BYTES

    def _take(self, chunk: bytes) -> bool:
        """Keep a chunk; False when it cannot be decoded or is too much."""
        if self._unpack is not None:
            try:
                chunk = self._unpack.decompress(chunk, self._left + 1)
            except zlib.error:
                return False
            if self._unpack.unconsumed_tail or self._unpack.unused_data:
                return False
        self._left -= len(chunk)
        if self._left >= 0:
            self._parts.append(chunk)
        return self._left >= 0

"""Finds what must not be found: canaries in anything that a command leaves behind, in the forms in which they leak."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

API_KEY = "kEy-9fQ2zT7w"
DATABASE_PASSWORD = "pAss-4hXm81Lc"
# A password that looks like the name of something.
LETTERS = "zwaluwnest"
QUERY = "qUery-6bVn03Rd"
ENVIRONMENT = "eNv-2kGs95Yt"
PING = "pIng-8jWp47Ue"
SECRETS = {
    "the API key": API_KEY,
    "the database's password": DATABASE_PASSWORD,
    "a password of letters": LETTERS,
    "the URL's query": QUERY,
    "an unrelated variable": ENVIRONMENT,
    "the monitor's address": PING,
}
# Stands in every value of the shop's table but the keys and the times.
PERSONAL = {"a value of a row": "kanarie"}


def forms(canary: str) -> Iterator[bytes]:
    """As it is, in Base64 at each of its three offsets, in hexadecimal, percent-encoded, and as UTF-16."""
    plain = canary.encode()
    yield plain.lower()
    yield plain.hex().encode()
    yield quote(canary, safe="").lower().encode()
    yield canary.lower().encode("utf-16-le")
    for offset in range(3):
        whole = base64.b64encode(b"-" * offset + plain).rstrip(b"=")
        yield whole[4 if offset else 0 : -1].lower()


def in_base64(content: bytes) -> str:
    """Base64, as text."""
    return base64.b64encode(content).decode()


def found_in(places: Mapping[str, bytes], canaries: Mapping[str, str]) -> list[str]:
    """`<what> in <where>` for each canary that is there in any form; letters' cases do not matter."""
    lowered = {place: content.lower() for place, content in places.items()}
    return [
        f"{what} in {place}"
        for what, canary in canaries.items()
        for place, content in lowered.items()
        if any(form in content for form in forms(canary))
    ]


def files_below(folder: Path, *, since: float = 0.0) -> dict[str, bytes]:
    """Every file below `folder` that was written after `since` (Unix time), with its path as what is in it too."""
    return {
        str(path): path.name.encode() + b"\n" + path.read_bytes()
        for path in (sorted(folder.rglob("*")) if folder.exists() else ())
        if path.is_file() and path.stat().st_mtime >= since
    }

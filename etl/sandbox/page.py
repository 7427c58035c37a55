"""The page at `/`: one file without outside parts, put together once from its sources.

Its content security policy names the hashes of the one style and the one script: nothing that an event holds can run.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class Page:
    """The page, ready to be sent."""

    def __init__(self) -> None:
        folder = files("etl.sandbox").joinpath("page_files")
        style, show, sums, act, markup = (
            folder.joinpath(name).read_text(encoding="utf-8")
            for name in ("page.css", "show.js", "sums.js", "act.js", "page.html")
        )
        script = f"{show}\n{sums}\n{act}"
        self._content = markup.replace("/* style */", style).replace("/* script */", script)
        # The line breaks between a tag and its content belong to what is hashed.
        self._headers = {
            "content-security-policy": _POLICY.format(script=_sha256(f"\n{script}\n"), style=_sha256(f"\n{style}\n")),
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }

    async def show(self, _: Request) -> Response:
        """`GET /`: the page."""
        return HTMLResponse(self._content, headers=self._headers)


def _sha256(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()

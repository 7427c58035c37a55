"""The sandbox as an ASGI application: the vendor's endpoints, and its own for the page and for tests.

Only loopback names are served: a web site that points its own name at this machine learns nothing from here.
The page is one file without outside parts, whose policy names the hashes of its one style and its one script: nothing
that an event holds can run.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from etl.sandbox.answers import failure
from etl.sandbox.api import HangUp, VendorApi
from etl.sandbox.faults import SandboxSettings
from etl.sandbox.receiver import Receiver, SystemTicks, Ticks
from etl.sandbox.window import ReceiverView

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def create_app(settings: SandboxSettings, *, ticks: Ticks | None = None, hang_up: HangUp | None = None) -> ASGIApp:
    """One sandbox with its own memory.

    `ticks` None = the machine's clocks. `hang_up` closes a client's connection for `--fault drop`; without it such a
    request is answered 500.
    """
    ticks = ticks or SystemTicks()
    receiver = Receiver(settings, ticks=ticks)
    api = VendorApi(settings, receiver=receiver, ticks=ticks, hang_up=hang_up)

    window = ReceiverView(receiver, extra_fields=settings.extra_fields)
    page = SandboxPage()
    routes = [
        Route("/v1/track", api.track, methods=["POST"]),
        Route("/v1/verifyAuth", api.verify_auth, methods=["POST"]),
        Route("/", page.show),
        Route("/stats", window.stats),
        Route("/sandbox/stats", window.stats),
        Route("/sandbox/events", window.events),
        Route("/sandbox/events/{number:int}", window.event),
        Route("/sandbox/download/events.{kind}", window.download),
        Route("/sandbox/reset", window.reset, methods=["POST"]),
    ]
    handlers = {404: _not_found, 405: _wrong_method}
    return _loopback_only(Starlette(routes=routes, exception_handlers=handlers))


def _loopback_only(app: ASGIApp) -> ASGIApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
            name = host if host.endswith("]") else host.rpartition(":")[0] or host
            if name.lower() not in _LOOPBACK_NAMES:
                await failure(421, "WRONG_HOST", "the sandbox answers to 127.0.0.1 and localhost only")(
                    scope, receive, send
                )
                return
        await app(scope, receive, send)

    return guarded


async def _not_found(_: Request, __: Exception) -> Response:
    return failure(404, "NOT_FOUND", "no such address here; the API is POST /v1/track and POST /v1/verifyAuth")


async def _wrong_method(request: Request, problem: Exception) -> Response:
    headers = problem.headers if isinstance(problem, HTTPException) else None
    return failure(405, "WRONG_METHOD", f"{request.method} is not allowed here", headers=headers)


class SandboxPage:
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

"""The sandbox as an ASGI application: the vendor's endpoints, and its own for the page and for tests.

Only loopback names are served: a web site that points its own name at this machine learns nothing from here.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from etl.sandbox.answers import failure
from etl.sandbox.api import HangUp, VendorApi
from etl.sandbox.faults import SandboxSettings
from etl.sandbox.page import Page
from etl.sandbox.receiver import Receiver, SystemTicks, Ticks
from etl.sandbox.window import Window

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def create_app(settings: SandboxSettings, *, ticks: Ticks | None = None, hang_up: HangUp | None = None) -> ASGIApp:
    """One sandbox with its own memory.

    `ticks` None = the machine's clocks. `hang_up` closes a client's connection for `--fault drop`; without it such a
    request is answered 500.
    """
    ticks = ticks or SystemTicks()
    receiver = Receiver(settings, ticks=ticks)
    api = VendorApi(settings, receiver=receiver, ticks=ticks, hang_up=hang_up)

    window = Window(receiver, extra_fields=settings.extra_fields)
    page = Page()
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

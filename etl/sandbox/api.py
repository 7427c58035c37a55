"""The endpoints that the vendor has too: `POST /v1/track` and `POST /v1/verifyAuth`.

A request meets, in this order: its fault, the rate limit, the credentials, the content type, the size, the content.
"""

from __future__ import annotations

import asyncio
import hmac
import math
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from etl.errors import UsageProblem
from etl.sandbox.answers import JsonResponse, batch_answer, failure
from etl.sandbox.faults import Dice, Drop, SandboxSettings
from etl.sandbox.receiver import Receiver, Ticks, UnreadableBatchError
from etl.secret import Secret


class RateGate:
    """Lets `per_second` requests pass a second; None lets all pass.

    Raises:
        UsageProblem: the rate is not a number above 0.

    """

    def __init__(self, per_second: float | None) -> None:
        if per_second is not None and not 0 < per_second < math.inf:
            raise UsageProblem(
                f"sandbox: --rate {per_second:g} is not a number above 0", hint="leave it out for no limit"
            )
        self._per_second = per_second
        self._capacity = max(1.0, per_second or 1.0)
        self._tokens = self._capacity
        self._filled_at: float | None = None

    def retry_after(self, *, now: float) -> int | None:
        """None = the request may pass; otherwise whole seconds after which one may. `now` is monotonic seconds."""
        if self._per_second is None:
            return None
        if self._filled_at is not None:
            gained = max(0.0, now - self._filled_at) * self._per_second
            self._tokens = min(self._capacity, self._tokens + gained)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return max(1, math.ceil((1 - self._tokens) / self._per_second))


def may_enter(
    *, account: str | None, api_key: str | None, expected_account: str | None, expected_api_key: Secret | None
) -> bool:
    """Whether a request with these two headers is let in. What is expected: None = anything that is not empty."""
    if not account or not api_key:
        return False
    known_account = expected_account is None or hmac.compare_digest(account.encode(), expected_account.encode())
    return known_account and (expected_api_key is None or Secret(api_key) == expected_api_key)


# Closes the connection of a client, known by its address as ASGI gives it, without another byte.
HangUp = Callable[[tuple[str, int]], None]
Handler = Callable[[Request], Awaitable[Response]]


class BodyTooLargeError(Exception):
    """The request's body exceeds the limit."""


class VendorApi:
    """Both endpoints, behind one door and one set of faults."""

    def __init__(self, settings: SandboxSettings, *, receiver: Receiver, ticks: Ticks, hang_up: HangUp | None) -> None:
        self._settings = settings
        self._receiver = receiver
        self._ticks = ticks
        self._hang_up = hang_up
        self._gate = RateGate(settings.requests_per_second)
        self._dice = Dice(settings.faults, seed=settings.seed)

    async def track(self, request: Request) -> Response:
        """`POST /v1/track`: takes a batch of events."""
        return await self._behind_the_door(request, self._take_batch)

    async def verify_auth(self, request: Request) -> Response:
        """`POST /v1/verifyAuth`: says that the credentials are right (a request without them was refused before)."""

        async def verified(request: Request) -> Response:
            await _whole_body(request, limit=self._settings.max_body_bytes)
            return JsonResponse({"verified": True})

        return await self._behind_the_door(request, verified)

    async def _behind_the_door(self, request: Request, handler: Handler) -> Response:
        fate = self._dice.throw()
        if fate.slow_seconds:
            await asyncio.sleep(fate.slow_seconds)
        if fate.drop is Drop.BEFORE:
            return await self._drop(request)
        if fate.status is not None:
            response: Response = failure(fate.status, "FAULT", f"{fate.status}, because --fault asks for it")
            if fate.status in {429, 503}:
                response.headers["retry-after"] = "1"
        else:
            response = self._turn_away(request) or await self._read(request, handler)
        if fate.drop is Drop.AFTER:
            return await self._drop(request)
        self._receiver.tally.answered(str(response.status_code))
        return response

    def _turn_away(self, request: Request) -> Response | None:
        settings, headers = self._settings, request.headers
        seconds = self._gate.retry_after(now=self._ticks.monotonic())
        if seconds is not None:
            message = f"more than {settings.requests_per_second:g} requests a second"
            return failure(429, "TOO_MANY_REQUESTS", message, headers={"retry-after": str(seconds)})
        if not may_enter(
            account=headers.get("x-auth-account"),
            api_key=headers.get("x-auth-apikey"),
            expected_account=settings.account,
            expected_api_key=settings.api_key,
        ):
            return failure(401, "UNAUTHORIZED", "X-AUTH-ACCOUNT and X-AUTH-APIKEY are missing or wrong")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return failure(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json")
        if headers.get("content-encoding", "identity").lower() != "identity":
            return failure(415, "UNSUPPORTED_ENCODING", "Content-Encoding is not supported")
        return None

    async def _read(self, request: Request, handler: Handler) -> Response:
        try:
            return await handler(request)
        except BodyTooLargeError:
            message = f"the request is larger than {self._settings.max_body_bytes} bytes"
            return failure(413, "TOO_LARGE", message, headers={"connection": "close"})
        except UnreadableBatchError as problem:
            return failure(400, "INVALID_REQUEST", str(problem))

    async def _take_batch(self, request: Request) -> Response:
        body = await _whole_body(request, limit=self._settings.max_body_bytes)
        return batch_answer(self._receiver.take(body))

    async def _drop(self, request: Request) -> Response:
        self._receiver.tally.answered("dropped")
        if self._hang_up is None or request.client is None:
            raise HTTPException(500, "this server cannot drop a connection")
        self._hang_up((request.client.host, request.client.port))
        while (await request.receive())["type"] != "http.disconnect":
            pass  # wait until the server notices the closed connection, or it would answer 500 itself
        return Response()


async def _whole_body(request: Request, *, limit: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLargeError
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLargeError
        parts.append(part)
    return b"".join(parts)

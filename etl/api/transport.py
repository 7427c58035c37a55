"""httpx over a connection pool of our own.

httpx does not let its pool's network be chosen; the pool, httpx's own httpcore, does. What goes wrong below passes
through as it is: it is named in one place, `etl.api.failures`.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpcore
import httpx


class PoolTransport(httpx.BaseTransport):
    """Sends httpx's requests through `pool`, which it owns."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the answer's body is read by the caller. Raises httpcore's exceptions."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = self._pool.handle_request(
            httpcore.Request(request.method, url, headers=request.headers.raw, content=request.content)
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()

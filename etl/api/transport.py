"""A transport for httpx over one connection with our own network backend (`etl.api.deadline`).

httpx itself does not allow another backend, but its httpcore does. Exceptions pass through unchanged;
`etl.api.failures` translates them.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpcore
import httpx

from etl.api.deadline import DeadlineStream


class ConnectionTransport(httpx.BaseTransport):
    """Sends httpx's requests, one at a time and to one host, over a connection that `pool` makes.

    The pool is bypassed, because handing out its only connection costs a tenth of a request.
    """

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool
        self._connection: httpcore.ConnectionInterface | None = None
        self._stream: object = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the answer's body is read by the caller. Raises httpcore's exceptions."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = self._open_connection(url).handle_request(
            httpcore.Request(request.method, url, headers=request.headers.raw, content=request.stream)
        )
        self._stream = answer.extensions.get("network_stream")
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def surplus(self) -> bool:
        """Whether more came than the last answer, which has been read to its end; line breaks do not count."""
        # httpcore has no public access to its parser's surplus bytes.
        parser: object = self._connection
        while hasattr(parser, "_connection"):
            parser = parser._connection  # noqa: SLF001
        left: bytes = parser._h11_state.trailing_data[0]  # type: ignore[attr-defined]  # noqa: SLF001
        left += self._stream.arrived() if isinstance(self._stream, DeadlineStream) else b""
        if left and self._connection is not None:
            self._connection.close()
        return bool(left.strip(b"\r\n"))

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _open_connection(self, url: httpcore.URL) -> httpcore.ConnectionInterface:
        if self._connection is not None and (self._connection.is_closed() or self._connection.has_expired()):
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self._connection = self._pool.create_connection(url.origin)
        return self._connection


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()

"""The sandbox's own endpoints, for the page and for tests: events, one event, counts, reset."""

from __future__ import annotations

from itertools import islice

from starlette.requests import Request
from starlette.responses import Response

from etl.sandbox.answers import JsonResponse, failure
from etl.sandbox.receiver import Receiver
from etl.sandbox.views import in_full, is_about, summaries

_MOST_ROWS = 20_000


class Window:
    """Looks into one receiver."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def stats(self, _: Request) -> Response:
        """`GET /sandbox/stats`: all counts."""
        return JsonResponse(self._receiver.stats())

    async def events(self, request: Request) -> Response:
        """`GET /sandbox/events`: arrivals, newest first.

        Query: `after` and `before` (exclusive numbers), `event` (whole name), `identity` (part of an address or user
        id), `outcome` (accepted | refused), `limit` (100), `content=1` for the events themselves. `more` says that the
        limit cut the list.
        """
        query = request.query_params
        try:
            after, limit = int(query.get("after", "0")), int(query.get("limit", "100"))
            before = int(query["before"]) if "before" in query else None
        except ValueError:
            return failure(400, "INVALID_QUERY", "after, before and limit are whole numbers")
        name, identity, outcome = query.get("event"), query.get("identity", "").strip().lower(), query.get("outcome")
        if outcome not in {None, "", "accepted", "refused"} or not 0 < limit <= _MOST_ROWS:
            return failure(400, "INVALID_QUERY", f"outcome is accepted or refused, limit is from 1 to {_MOST_ROWS}")
        found = self._receiver.newest_first(
            after=after, before=before, accepted=outcome != "refused", refused=outcome != "accepted"
        )
        wanted = (
            each for each in found if (not name or each.name == name) and (not identity or is_about(each, identity))
        )
        shown = list(islice(wanted, limit + 1))
        rows = list(summaries(shown[:limit], with_content=query.get("content") == "1"))
        return JsonResponse({"events": rows, "more": len(shown) > limit})

    async def event(self, request: Request) -> Response:
        """`GET /sandbox/events/{number}`: one event with its JSON and its fields beside the catalogue's rules."""
        arrival = self._receiver.find(request.path_params["number"])
        if arrival is None:
            return failure(404, "GONE", "no such event; the oldest leave when there are too many")
        return JsonResponse(in_full(arrival))

    async def reset(self, request: Request) -> Response:
        """`POST /sandbox/reset`: forgets events and counts.

        The JSON content type is asked for because no other web site can send it here without permission.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return failure(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json")
        self._receiver.reset()
        return JsonResponse({"success": True})

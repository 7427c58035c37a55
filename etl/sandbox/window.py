"""The sandbox's own endpoints, for the page and for tests: events, one event, counts, reset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice

import orjson
from starlette.requests import Request
from starlette.responses import Response

from etl.sandbox.answers import JsonResponse, failure
from etl.sandbox.arrivals import Arrival
from etl.sandbox.receiver import Receiver
from etl.sandbox.views import as_csv, in_full, is_about, summaries

_MOST_ROWS = 20_000
_OUTCOMES = (None, "", "accepted", "refused")
_GONE = "no such event; the oldest leave when there are too many"


class ReceiverView:
    """Looks into one receiver."""

    def __init__(self, receiver: Receiver, *, extra_fields: AbstractSet[str] = frozenset()) -> None:
        self._extra_fields = extra_fields
        self._receiver = receiver

    async def stats(self, _: Request) -> Response:
        """`GET /sandbox/stats`: all counts."""
        return JsonResponse(self._receiver.stats())

    async def events(self, request: Request) -> Response:
        """`GET /sandbox/events`: arrivals, newest first.

        Query: `after` and `before` (exclusive numbers), `event` (whole name), `identity` (part of an address or user
        id), `outcome` (accepted | refused), `reason` (a code, or a code and a field), `limit` (100), `content=1` for
        the events themselves. `more` says that the limit cut the list, `matching` how many kept arrivals there are
        whatever `after`, `before` and `limit` say.
        """
        query = request.query_params
        try:
            after, limit = int(query.get("after", "0")), int(query.get("limit", "100"))
            before = int(query["before"]) if "before" in query else None
        except ValueError:
            return failure(400, "INVALID_QUERY", "after, before and limit are whole numbers")
        if query.get("outcome") not in _OUTCOMES or not 0 < limit <= _MOST_ROWS:
            return failure(400, "INVALID_QUERY", f"outcome is accepted or refused, limit is from 1 to {_MOST_ROWS}")
        if {"event", "identity", "reason"} & query.keys():
            matching = sum(1 for _ in self._wanted(query))
        else:
            matching = self._receiver.kept(**_kinds(query))
        shown = list(islice(self._wanted(query, after=after, before=before), limit + 1))
        rows = list(summaries(shown[:limit], with_content=query.get("content") == "1"))
        return JsonResponse({"events": rows, "more": len(shown) > limit, "matching": matching})

    async def download(self, request: Request) -> Response:
        """`GET /sandbox/download/events.json` or `.csv`: all kept arrivals of the filter, newest first.

        Query: as for the list, without `after`, `before` and `limit`; or `id` for one event, which as JSON is what was
        sent.
        """
        query = request.query_params
        number = query.get("id", "")
        kind = request.path_params["kind"]
        if kind not in {"json", "csv"}:
            return failure(404, "NOT_FOUND", "a list is downloaded as events.json or events.csv")
        if query.get("outcome") not in _OUTCOMES or (number and not number.isdecimal()):
            return failure(400, "INVALID_QUERY", "outcome is accepted or refused, id is a whole number")
        one = self._receiver.find(int(number)) if number else None
        if number and one is None:
            return failure(404, "GONE", _GONE)
        name = f"event-{number}" if number else "events"
        headers = {"content-disposition": f'attachment; filename="{name}.{kind}"'}
        arrivals = [one] if one else self._wanted(query)
        if kind == "csv":
            # Excel reads UTF-8 only where the text begins with this mark.
            content = f"\ufeff{as_csv(arrivals)}"
            return Response(content, media_type="text/csv", headers={"cache-control": "no-store", **headers})
        if one:
            return JsonResponse(orjson.Fragment(str(in_full(one)["raw"])), headers=headers)
        return JsonResponse(list(summaries(arrivals, with_content=True)), headers=headers)

    def _wanted(self, query: Mapping[str, str], *, after: int = 0, before: int | None = None) -> Iterator[Arrival]:
        name, reason, identity = query.get("event"), query.get("reason"), query.get("identity", "").strip().lower()
        found = self._receiver.newest_first(after=after, before=before, **_kinds(query))
        return (
            each
            for each in found
            if (not name or each.name == name)
            and (not identity or is_about(each, identity))
            and (not reason or any(reason in {one.code, f"{one.code} {one.field}"} for one in each.refusals))
        )

    async def event(self, request: Request) -> Response:
        """`GET /sandbox/events/{number}`: one event with its JSON and its fields beside the catalogue's rules."""
        arrival = self._receiver.find(request.path_params["number"])
        if arrival is None:
            return failure(404, "GONE", _GONE)
        return JsonResponse(in_full(arrival, extra_fields=self._extra_fields))

    async def reset(self, request: Request) -> Response:
        """`POST /sandbox/reset`: forgets events and counts.

        The JSON content type is asked for because no other web site can send it here without permission.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return failure(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json")
        self._receiver.reset()
        return JsonResponse({"success": True})


def _kinds(query: Mapping[str, str]) -> dict[str, bool]:
    outcome = query.get("outcome")
    return {"accepted": outcome != "refused", "refused": outcome != "accepted"}

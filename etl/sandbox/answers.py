"""The receiver's answers as JSON responses, in the shapes that mappings/README.md lists.

Errors of a batch carry the index of their event, the first of the published readings of `errors`.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from etl.sandbox.receiver import Taken, TurnedAway
from etl.sandbox.rules import BrokenRule


class JsonResponse(Response):
    """A JSON body that no cache may store."""

    media_type = "application/json"

    def __init__(self, content: object, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status_code=status_code, headers={"cache-control": "no-store", **(headers or {})})

    def render(self, content: object) -> bytes:
        """`content` as JSON."""
        return orjson.dumps(content)


def batch_answer(outcome: Taken | TurnedAway) -> JsonResponse:
    """200 with the count, or 400 with one error an event, its first reason's code and all its reasons' words."""
    match outcome:
        case Taken(created=created):
            return JsonResponse({"success": True, "created": created})
        case TurnedAway(errors=errors):
            listed = [
                {"index": index, "code": refusals[0].code, "message": "; ".join(map(in_words, refusals))}
                for index, refusals in errors.items()
            ]
            return JsonResponse({"success": False, "errors": listed}, status_code=400)


def in_words(refusal: BrokenRule) -> str:
    """One refusal as a person reads it: the field, if it is about one, and the rule."""
    return f"{refusal.field}: {refusal.words}" if refusal.field else refusal.words


def failure(status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """An answer about the whole request."""
    body = {"success": False, "errors": [{"code": code, "message": message}]}
    return JsonResponse(body, status_code=status, headers=headers)

"""The answers that the tests of verdicts judge."""

from __future__ import annotations

import orjson

from etl.verdict.answer import Answer


def answer(body: object, *, status: int = 200) -> Answer:
    """An answer without headers, with `body` as JSON."""
    return Answer(status, {}, orjson.dumps(body))

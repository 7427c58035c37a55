"""The forecast is right: what a dry run calls invalid is invalid, and the receiver refuses only what it is told to.

The receiver judges by rules of its own; on purpose it refuses one person in 400, in every shape of refusal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.job.test_judged_shop import CUSTOMERS, ORDERS, PRODUCTS, SOURCE
from tests.judge.rules import Complaint, judge
from tests.judge.shop import Row, customers, fill, orders
from tests.servers.behaviours import answering, but, refusing
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer

TODAY = datetime.now(UTC).date()
WRONG = {"code": "INVALID_EMAIL", "message": "not an address"}
# By the place of the event among so many.
SHAPES: tuple[tuple[str, Callable[[int, int], Behaviour]], ...] = (
    ("index", lambda place, _: refusing([{"index": place, **WRONG}])),
    ("mapping", lambda place, _: refusing({str(place): "not an address"})),
    ("nulls", lambda place, count: refusing([WRONG if at == place else None for at in range(count)])),
    ("texts", lambda *_: refusing(["the field email is wrong"])),
    ("207", lambda place, _: refusing([{"index": place, **WRONG}], status=207, accept=but(place))),
    ("400", lambda *_: answering(400)),
    ("422", lambda *_: answering(422, {"message": "not valid"})),
    ("singular error", lambda *_: answering(200, {"error": "not valid"})),
    ("status error", lambda *_: answering(200, {"status": "error", "message": "not valid"})),
    ("none counted", lambda *_: answering(200, {"created": 0, "updated": 0, "errors": 0})),
    ("code", lambda *_: answering(200, {"code": "TIMESTAMP_ERROR"})),
    ("5xx", lambda *_: answering(500)),
    ("403", lambda *_: answering(403, b"<html>Forbidden</html>", headers={"Content-Type": "text/html"})),
    ("413", lambda *_: answering(413)),
)


def test_the_forecast_is_right_in_every_shape_of_refusal(sqlite_url: str, make_job: Any) -> None:
    """Invalid by code as forecast; nothing refused by the rules; each refused on purpose a dead letter, no other."""
    people = list(customers(10_400))
    fill(sqlite_url, people)
    right = [one.values["id"] for one in people if not one.wrong & {"language", "currency"}]
    source = SOURCE.replace("TABLE", "customers")
    check(partial(make_job, sqlite_url, source=source, fields=CUSTOMERS), people, right, named_by="userid")


def test_the_forecast_of_orders_is_right_too(sqlite_url: str, make_job: Any) -> None:
    """A Purchase is complete or invalid before it is sent."""
    purchases = list(orders(7_000))
    fill(sqlite_url, purchases=purchases)
    right = [one.values["id"] for one in purchases if one.sendable]
    sections = {"source": SOURCE.replace("TABLE", "orders"), "fields": ORDERS, "top": PRODUCTS, "event": "Purchase"}
    reasons = check(partial(make_job, sqlite_url, **sections), purchases, right, named_by="orderid")
    assert reasons["missing_products"] == sum("lines" in one.wrong for one in purchases) > 50


def check(make: Callable[..., Any], rows: Sequence[Row], right: Sequence[int], *, named_by: str) -> Counter[str]:
    """Forecast, run, compare; `right` are the rows that have to be sent, `named_by` the field that says which it is.

    Returns the run's reasons.
    """
    step = len(right) // (2 * len(SHAPES))
    assert step > 100, "no two in one request"
    poison = {right[step // 2 + number * step]: SHAPES[number // 2][1] for number in range(2 * len(SHAPES))}
    complained: list[Complaint] = []

    def number(event: dict[str, Any]) -> int:
        return int(event[named_by][1:])

    def script(request: Recorded) -> Behaviour | None:
        events = request.events
        complained.extend(one for event in events for one in judge(event, today=TODAY))
        guilty = [at for at, event in enumerate(events) if number(event) in poison]
        if not guilty:
            return None
        return poison[number(events[guilty[0]])](guilty[0], len(events))

    with ScriptedServer(script) as server:
        job = make(server, destination="concurrency: 2, retry: {max_attempts: 2, max_backoff: 100ms}")
        forecast = job.forecast("beginning")
        run = job.run("beginning")
    letters = job.dead_letters()
    ours = {code: count for code, count in run.books.reasons.items() if code in forecast.books.reasons}
    assert run.error is None
    assert complained == []
    assert ours == dict(forecast.books.reasons)
    assert run.books.invalid == forecast.books.invalid == len(rows) - len(right)
    assert {key for key in letters if key in poison} == set(poison)
    assert len(letters) == len(poison) + run.books.invalid
    assert run.books.sent == len(right) - len(poison)
    reasons: Counter[str] = run.books.reasons
    return reasons

"""The table of verdicts: every kind of answer, what it means for the events, and why.

A status that is not named here is decided by the body (2xx, 4xx) or is nobody's answer.
"""

from __future__ import annotations

from enum import Enum


class Case(Enum):
    """One row of the table, as the README prints it."""

    CONFIRMED = ("2xx, `success: true`", "accepted", "the body says so")
    UNCONFIRMED = (
        "2xx, a JSON object with neither `success` nor `errors`",
        "accepted, counted as unconfirmed",
        "the API answered and did not object",
    )
    CONTRADICTORY = (
        "2xx, `success: true`, a count of all events, and errors that name none",
        "accepted, counted as unconfirmed",
        "twice yes; the texts read as warnings",
    )
    ATTRIBUTED_OTHERS_ACCEPTED = (
        "207, or 2xx with `success: true` or a count of the rest; errors that name their events",
        "the named events rejected, the others accepted",
        "the answer tells them apart",
    )
    ATTRIBUTED_OTHERS_RESENT = (
        "400, 422, other 4xx, or 2xx without success; errors that name their events",
        "the named events rejected, the others sent again in the same slot",
        "nothing says that the others were taken",
    )
    PARTLY_ACCEPTED = (
        "a `created` or `processed` count lower than the batch, and no errors",
        "dead letters `partly_accepted`, for a person to decide",
        "halving would send the accepted ones twice",
    )
    REFUSED = (
        "`success: false`, errors that do not name their events, or 400, 409, 422, other 4xx without details",
        "the batch is halved until the guilty events stand alone; those are rejected",
        "the API refuses, but does not say what",
    )
    TOO_LARGE = ("413", "halved, and the size remembered for the run", "the limit is not published")
    UNREADABLE = (
        "2xx with a body that is empty, longer than 1 MiB, or not a whole JSON object; 1xx; 600 and above",
        "sent again later, ambiguous; three in a row stop the run",
        "a proxy or a login page answered, or the answer was lost on its way",
    )
    THROTTLED = ("429", "everybody waits for Retry-After, or backs off; the rate is halved", "too fast")
    SERVER_TROUBLE = (
        "408, 425, any 5xx but 501 and 505",
        "sent again later, ambiguous once the request was written",
        "down or overloaded",
    )
    NOT_SENT = ("connection refused, no address, no route, no connection in time", "sent again later", "not received")
    CUT_OFF = (
        "no answer in time, connection lost, no HTTP",
        "sent again later, ambiguous",
        "it may have been received",
    )
    CREDENTIALS = ("401, 403", "the run stops, exit 5", "nothing is wrong with the events")
    QUOTA = ("402", "the run stops, exit 6", "the account's quota is used up; the next run goes on")
    REDIRECTED = ("3xx", "the run stops, exit 2; never followed", "a redirect would carry the key elsewhere")
    NOT_THE_API = (
        "404, 405, 406, 407, 410, 411, 414, 415, 421, 426, 431, 501, 505",
        "the run stops, exit 2",
        "the address or something on the way is wrong",
    )
    NO_TLS = ("TLS not verified or not agreed on", "the run stops, exit 2", "never without verification")
    UNSENDABLE = (
        "an address, account or key that HTTP cannot carry; a proxy that refuses",
        "the run stops, exit 2",
        "the configuration is wrong",
    )

    def __init__(self, answer: str, verdict: str, why: str) -> None:
        self.answer = answer
        self.verdict = verdict
        self.why = why


VERDICTS = tuple(Case)

# Where the status alone decides; the others need the body.
BY_STATUS = {
    **dict.fromkeys((401, 403), Case.CREDENTIALS),
    402: Case.QUOTA,
    **dict.fromkeys((404, 405, 406, 407, 410, 411, 414, 415, 421, 426, 431, 501, 505), Case.NOT_THE_API),
    **dict.fromkeys((408, 425), Case.SERVER_TROUBLE),
    413: Case.TOO_LARGE,
    429: Case.THROTTLED,
}
BY_HUNDRED = {3: Case.REDIRECTED, 5: Case.SERVER_TROUBLE}

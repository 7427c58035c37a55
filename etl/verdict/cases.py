"""The table of verdicts: every kind of answer, what it means for the events, and why.

A status that is not named here is decided by the body (2xx, 4xx) or is not the API's answer.
"""

from __future__ import annotations

from enum import Enum


class Case(Enum):
    """One row of the table, as the README prints it."""

    CONFIRMED = (
        "2xx, `success: true`, or counts whose sum is the batch, or a list that says so of each event",
        "accepted",
        "the body says so; created, updated, inserted, merged, verified, processed and unchanged are added up",
    )
    COUNTED_SHORT = (
        "2xx, no errors, a sum below the batch; and `success: true`, a sum and `errors: 0`, or the rest `skipped`",
        "accepted, counted as unconfirmed",
        "what was merged may not be counted; what it `skipped` or `ignored` it has, or passes over without a no",
    )
    UNCONFIRMED = (
        "2xx, a JSON object with neither yes nor no nor counts: null, `[]` and unknown words say neither",
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
        "the answer tells them apart; where it does not say whether it counts from 0 or 1, each in question goes alone",
    )
    ATTRIBUTED_OTHERS_RESENT = (
        "400, 422, other 4xx, or 2xx without success; errors that name their events",
        "the named events rejected, the others sent again in the same slot",
        "nothing says that the others were taken",
    )
    PARTLY_ACCEPTED = (
        "a sum, not 0, below the batch, also with `skipped`; and a number of errors, or no `success`, no `errors: 0`",
        "dead letters `partly_accepted`, for a person to decide",
        "halving would send the accepted ones twice",
    )
    REFUSED = (
        "no, naming none: `success`, `valid`, `status: false`, *partial*, `errors`, `problem`, `…_ERROR`; 0 taken; 4xx",
        "the batch is halved until the guilty events stand alone; those are rejected",
        "the API refuses, but does not say what",
    )
    TOO_LARGE = (
        "413",
        "halved, and the size remembered for the run; where one as large was accepted, or of one event: as 5xx",
        "the limit is not published",
    )
    UNREADABLE = (
        "2xx whose body is empty, above 1 MiB, no whole JSON object, or a list without a yes or no for each event; 1xx",
        "sent again later, ambiguous; after three in a row halved as after 5xx; where nothing passes, exit 6",
        "a proxy or a login page answered, or the answer was lost on its way",
    )
    THROTTLED = (
        "429",
        "everybody waits for Retry-After, or backs off; the rate is halved; in vain in five nights: as after 5xx",
        "too fast",
    )
    SERVER_TROUBLE = (
        "408, 425, any 5xx but 501 and 505; such a status in the body, or words such as *internal server error*",
        "sent again later, ambiguous once written; in vain while others pass, or in 5 nights: halved, `server_error`",
        "down or overloaded, or one event makes it fail",
    )
    NOT_SENT = ("connection refused, no address, no route, no connection in time", "sent again later", "not received")
    CUT_OFF = (
        "no answer in time, connection lost, no HTTP, bytes left over after an answer",
        "sent again later, ambiguous; halved as after 5xx",
        "it may have been received",
    )
    CREDENTIALS = (
        "401",
        "the run stops, exit 5; in the fifth night so, though `verifyAuth` calls the key right, as *firewall*",
        "nothing is wrong with the events",
    )
    FORBIDDEN = (
        "403 without a page, before anything was accepted in the run",
        "the run stops, exit 5; after an acceptance as *firewall*",
        "the key, unless others pass",
    )
    FIREWALL = (
        "403 with a page of HTML, or after an acceptance in the run",
        "halved; refused alone while others pass: a dead letter; if all are refused, exit 5, none given up",
        "a firewall refuses the content, not the key",
    )
    ACCOUNT = (
        "any refusal, in words of an account suspended, a quota used up, a wrong key; 401, 402, 403 in the body",
        "the run stops, exit 5 or 6, nothing is given up; after an acceptance as *firewall*",
        "nothing is wrong with the events",
    )
    BUSY = (
        "any refusal, in words such as *too many requests*, *try again later*, *under maintenance*; 429 in the body",
        "everybody backs off, sent again later; the rate is halved",
        "nothing is wrong with the events",
    )
    QUOTA = (
        "402",
        "the run stops, exit 6; in the fifth night as after 401",
        "the account's quota is used up; the next run goes on",
    )
    REDIRECTED = (
        "3xx",
        "the run stops, exit 2; never followed; after an acceptance as *firewall*",
        "a redirect would carry the key elsewhere",
    )
    NOT_THE_API = (
        "404, 405, 406, 407, 410, 411, 414, 415, 421, 426, 431, 501, 505",
        "the run stops, exit 2; after an acceptance (but 407) as *firewall*",
        "the address or something on the way is wrong",
    )
    NO_TLS = ("TLS not verified or not agreed on", "the run stops, exit 2", "never without verification")
    NO_FILES = (
        "no descriptor is left for a connection",
        "the run stops, exit 6",
        "the limit of this process or host; nothing was sent",
    )
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
    401: Case.CREDENTIALS,
    402: Case.QUOTA,
    **dict.fromkeys((404, 405, 406, 407, 410, 411, 414, 415, 421, 426, 431, 501, 505), Case.NOT_THE_API),
    **dict.fromkeys((408, 425), Case.SERVER_TROUBLE),
    413: Case.TOO_LARGE,
    429: Case.THROTTLED,
}
BY_HUNDRED = {3: Case.REDIRECTED, 5: Case.SERVER_TROUBLE}

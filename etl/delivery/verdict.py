"""What one answer means for the events that were sent: a closed choice, made by one pure function from one table.

Success means that the body says so. A doubt is decided towards sending again: a repeat is harmless, a loss is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from etl.delivery.answer import Answer, Failure
from etl.delivery.attribution import attribute
from etl.delivery.body import Body, read_body
from etl.delivery.cases import BY_HUNDRED, BY_STATUS, VERDICTS, Case
from etl.delivery.redaction import Sent
from etl.delivery.refusal import Refusal, read_refusal
from etl.delivery.retry_after import retry_after_seconds
from etl.errors import CredentialsRefused, DestinationMisconfigured, EtlError, StoppedEarly

__all__ = [
    "VERDICTS",
    "Accepted",
    "Answer",
    "Case",
    "Failure",
    "Partly",
    "PartlyAccepted",
    "Refusal",
    "Refused",
    "Stop",
    "TooLarge",
    "TryAgain",
    "Verdict",
    "case_of",
    "judge",
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """Every event of the request was accepted. `unconfirmed`: the body did not say so, nor anything else."""

    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Partly:
    """The answer names the refused events by their index in the request; never empty.

    others: what the answer means for those that it does not name: "accepted", or "resend" in the same slot.
    """

    errors: Mapping[int, Refusal]
    others: Literal["accepted", "resend"]


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused without saying which event is at fault: halve; an event alone becomes a dead letter with `refusal`."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class PartlyAccepted:
    """Only `created` of the events were taken, and nobody knows which: dead letters `partly_accepted`, all of them."""

    created: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The request was too large: halve, and remember for the run. An event alone becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same bytes again later.

    after_seconds: the server's Retry-After: nobody sends before; None = the sender's own backoff.
    ambiguous: the events may have been accepted, so the next attempt may repeat them.
    throttled: the answer was 429: slow down.
    cause: a constant text for people and logs.
    unreadable: something other than the API answered (C15): after three in a row, stop with `StoppedEarly`.
    """

    after_seconds: float | None
    ambiguous: bool
    throttled: bool
    cause: str
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing is wrong with the events, and no other request would do better: raise `error` once all is settled.

    The events of the request count as not sent. Two stops are equal when their `cause` is: errors never are.
    """

    error: EtlError = field(compare=False)
    cause: str = ""


Verdict: TypeAlias = Accepted | Partly | Refused | PartlyAccepted | TooLarge | TryAgain | Stop


def judge(answer: Answer | Failure, *, events: int, sent: bytes = b"") -> Verdict:
    """The verdict on a request of `events` events.

    sent: the request's body; its values are taken out of the API's words, because servers echo what they got (F3).
    """
    return _decide(answer, events=events, sent=Sent(sent))[1]


def case_of(answer: Answer | Failure, *, events: int) -> Case:
    """The row of the table that `judge` decides by."""
    return _decide(answer, events=events, sent=Sent(b""))[0]


def _decide(answer: Answer | Failure, *, events: int, sent: Sent) -> tuple[Case, Verdict]:
    if isinstance(answer, Failure):
        return _decide_failure(answer)
    status = answer.status
    case = BY_STATUS.get(status) or BY_HUNDRED.get(status // 100)
    if case is not None:
        return case, _verdict_by_status(case, answer)
    body = None if answer.truncated else read_body(answer.body)
    if status // 100 == 2 and body is not None:
        return _decide_answered(status, body, events=events, sent=sent)
    if status // 100 == 4:
        return _decide_refused(status, body or Body(None, None, None, {}), events=events, sent=sent)
    cause = (
        "answer is too long, or cannot be decoded" if answer.truncated else f"answer is not the API's (HTTP {status})"
    )
    return Case.UNREADABLE, TryAgain(None, ambiguous=True, throttled=False, cause=cause, unreadable=True)


def _decide_answered(status: int, body: Body, *, events: int, sent: Sent) -> tuple[Case, Verdict]:
    """2xx with a JSON object."""
    if body.errors is not None:
        if body.success and (body.count or 0) >= events and _attributed(status, body, events=events, sent=sent) is None:
            return Case.CONTRADICTORY, Accepted(unconfirmed=True)
        return _decide_refused(status, body, events=events, sent=sent)
    if body.count is not None and body.count < events and (body.count > 0 or body.success is not False):
        return Case.PARTLY_ACCEPTED, PartlyAccepted(body.count)
    match body.success:
        case True:
            return Case.CONFIRMED, Accepted()
        case None:
            return Case.UNCONFIRMED, Accepted(unconfirmed=True)
        case False:
            return _decide_refused(status, body, events=events, sent=sent)


def _decide_refused(status: int, body: Body, *, events: int, sent: Sent) -> tuple[Case, Verdict]:
    errors = _attributed(status, body, events=events, sent=sent)
    if errors:
        rest = events - len(errors)
        counted = body.count is not None and body.count >= rest
        says_so = status == 207 or (status // 100 == 2 and body.success is True)
        if status // 100 == 2 and (counted or (says_so and body.count is None)):
            return Case.ATTRIBUTED_OTHERS_ACCEPTED, Partly(errors, "accepted")
        return Case.ATTRIBUTED_OTHERS_RESENT, Partly(errors, "resend")
    if body.errors is None and body.count is not None and 0 < body.count < events:
        return Case.PARTLY_ACCEPTED, PartlyAccepted(body.count)
    about = body.errors if body.errors is not None else dict(body.whole)
    return Case.REFUSED, Refused(read_refusal(about, otherwise=_code(status), sent=sent))


def _attributed(status: int, body: Body, *, events: int, sent: Sent) -> dict[int, Refusal] | None:
    if body.errors is None:
        return None
    return attribute(body.errors, events=events, otherwise=_code(status), sent=sent)


def _code(status: int) -> str:
    """The reason code of a refusal whose body gives none."""
    return "refused" if status // 100 == 2 else f"http_{status}"


def _decide_failure(failure: Failure) -> tuple[Case, Verdict]:
    match failure:
        case Failure.REFUSED | Failure.DNS | Failure.UNREACHABLE | Failure.CONNECT_TIMEOUT | Failure.PROXY:
            return Case.NOT_SENT, TryAgain(None, ambiguous=False, throttled=False, cause=failure.value)
        case Failure.TIMEOUT | Failure.RESET | Failure.PROTOCOL:
            unreadable = failure is Failure.PROTOCOL
            again = TryAgain(None, ambiguous=True, throttled=False, cause=failure.value, unreadable=unreadable)
            return Case.CUT_OFF, again
        case Failure.TLS | Failure.TLS_UNTRUSTED | Failure.TLS_HOSTNAME | Failure.TLS_EXPIRED:
            hint = "check destination.url; a private authority's certificates go into destination.ca_file"
            return Case.NO_TLS, _misconfigured(f"sending events: {failure.value}", failure.value, hint=hint)
        case Failure.ADDRESS | Failure.HEADERS | Failure.PROXY_REFUSED:
            hint = "check destination.url, account and api_key, and the proxy if destination.proxy is on"
            return Case.UNSENDABLE, _misconfigured(f"sending events: {failure.value}", failure.value, hint=hint)
        case _:
            assert_never(failure)


def _verdict_by_status(case: Case, answer: Answer) -> Verdict:  # noqa: PLR0911  # one return a row of the table
    """The verdict where the status alone decides."""
    cause = f"HTTP {answer.status}"
    match case:
        case Case.TOO_LARGE:
            return TooLarge()
        case Case.THROTTLED:
            return TryAgain(retry_after_seconds(answer.headers), ambiguous=False, throttled=True, cause=cause)
        case Case.SERVER_TROUBLE:
            after = retry_after_seconds(answer.headers)
            return TryAgain(after, ambiguous=answer.request_sent, throttled=False, cause=cause)
        case Case.CREDENTIALS:
            hint = "check destination.account and destination.api_key, and that both belong to this address"
            return Stop(
                CredentialsRefused(f"sending events: the API refused the credentials ({cause})", hint=hint), cause
            )
        case Case.QUOTA:
            hint = "the next run goes on where this one stopped"
            return Stop(StoppedEarly(f"sending events: the account's quota is used up ({cause})", hint=hint), cause)
        case Case.REDIRECTED:
            target = answer.headers.get("location") or "an address without a host"
            hint = "redirects are never followed: set destination.url to the API's own address"
            return _misconfigured(f"sending events: the address redirects to {target} ({cause})", cause, hint=hint)
        case _:
            hint = "check destination.url, and what stands between here and the API"
            return _misconfigured(f"sending events: the address is not the API's ({cause})", cause, hint=hint)


def _misconfigured(message: str, cause: str, *, hint: str) -> Stop:
    return Stop(DestinationMisconfigured(message, hint=hint), cause)

"""Judges one answer: its verdict, one of a closed set, by one pure function and one table.

Success means that the body says so. In doubt the events are sent again: a repeat is harmless, a loss is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, assert_never

from etl.errors import CredentialsRefused, DestinationMisconfigured, EtlError, HostRefused, StoppedEarly
from etl.verdict.account_words import AccountTrouble, trouble_of_status
from etl.verdict.answer import Answer, Failure, whole
from etl.verdict.attribution import Attributed, attribute
from etl.verdict.body import NO_BODY, Body, read_body
from etl.verdict.cases import BY_HUNDRED, BY_STATUS, VERDICTS, Case
from etl.verdict.redaction import Sent
from etl.verdict.refusal import Refusal, read_refusal
from etl.verdict.retry_after import silence_seconds

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
    """Every event of the request was accepted. `unconfirmed`: the body says neither yes nor no."""

    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Partly:
    """The answer names the refused events by their index in the request; never empty.

    others: what the answer means for those that it does not name: "accepted", or "resend" in the same slot.
    counts_from: what the answer's indexes count from, 0 or 1; None: unknown, and `errors` assumes 0.
    """

    errors: Mapping[int, Refusal]
    others: Literal["accepted", "resend"]
    counts_from: int | None = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused without saying which event is at fault: halve; a single event becomes a dead letter with `refusal`.

    stop: set if the key, the account or a firewall may be the reason: the run ends so unless others are accepted.
    stop_at_once: it ends at once if nothing was accepted in the run yet; False: halving comes first. may_be_chance:
    perhaps one bad server among several answered, so as much evidence is needed as after a 5xx.
    """

    refusal: Refusal
    stop: Stop | None = None
    stop_at_once: bool = False
    may_be_chance: bool = False


@dataclass(frozen=True, slots=True)
class PartlyAccepted:
    """Only `created` of the events were accepted, unknown which: all become dead letters `partly_accepted`."""

    created: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The request was too large: halve, and remember the size for the run.

    For a single event, or if one as large was accepted in the run, the size is not the reason: see `as_trouble`.
    """

    def as_trouble(self, *, too_large: bool) -> TryAgain:
        """The verdict instead, like that on a 5xx. too_large: no request as large was accepted."""
        code, words = ("too_large", "the API refuses a request of this size") if too_large else ("server_error", "")
        return TryAgain(
            None, ambiguous=False, throttled=False, cause="HTTP 413", may_be_event=True, words=words, code=code
        )


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The same bytes again later.

    after_seconds: the server's Retry-After, the least wait; None: the sender's own backoff. ambiguous: the events may
    have been accepted, so the next attempt may repeat them. throttled: the answer was 429, so the rate is lowered.
    cause: a constant text for people and logs. unreadable: something other than the API answered (C15): after three in
    a row, stop with `StoppedEarly`. may_be_event: the request may fail because of an event in it, as when one row's
    text makes the API answer 500. words: what the answer said, redacted. unreached: no connection could be made. code:
    the reason of the dead letter, where the event is found to be at fault.
    """

    after_seconds: float | None
    ambiguous: bool
    throttled: bool
    cause: str
    unreadable: bool = False
    may_be_event: bool = False
    words: str = ""
    unreached: bool = False
    code: str = "server_error"


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing is wrong with the events, and other requests would fail too: raise `error` once all in flight is settled.

    The events of the request count as not sent. Two stops are equal if their `cause` is, because errors never are
    equal. unless_others_pass: the verdict if other requests of the run were accepted, so that address and key are
    right: then a firewall may have refused the content (mod_security answers 406 or 501, others redirect to a page),
    and halving finds it; None: stop in any case. if_key_is_right: the verdict if only `verifyAuth`, night after night,
    shows that account and key are right.
    """

    error: EtlError = field(compare=False)
    cause: str = ""
    unless_others_pass: Refusal | None = field(default=None, compare=False)
    if_key_is_right: Refusal | None = field(default=None, compare=False)


Verdict: TypeAlias = Accepted | Partly | Refused | PartlyAccepted | TooLarge | TryAgain | Stop


def judge(answer: Answer | Failure, *, events: int, sent: bytes = b"") -> Verdict:
    """The verdict on a request of `events` events.

    sent: the request's body; its values are removed from the API's words, because servers echo what they got (F3).
    """
    verdict = _decide(answer, events=events, sent=Sent(sent))[1]
    return replace(verdict, after_seconds=silence_seconds(answer)) if isinstance(verdict, TryAgain) else verdict


def case_of(answer: Answer | Failure, *, events: int) -> Case:
    """The row of the table that `judge` decides by."""
    return _decide(answer, events=events, sent=Sent(b""))[0]


def _decide(answer: Answer | Failure, *, events: int, sent: Sent) -> tuple[Case, Verdict]:
    answer = whole(answer)
    if isinstance(answer, Failure):
        return _decide_failure(answer)
    status = answer.status
    body = None if answer.truncated else read_body(answer.body)
    case = BY_STATUS.get(status) or BY_HUNDRED.get(status // 100)
    if case is not None:
        return case, _verdict_by_status(case, answer, words=_words(body, sent))
    if status == 403:
        return _decide_forbidden(answer, body, events=events, sent=sent)
    if status // 100 == 2 and body is not None and body.entries in (None, events):
        return _decide_answered(status, body, events=events, sent=sent)
    if status // 100 == 4:
        return _decide_refused(status, (body or NO_BODY).of_refusal(), events=events, sent=sent)
    cause = (
        "answer is too long, or cannot be decoded" if answer.truncated else f"answer is not the API's (HTTP {status})"
    )
    again = TryAgain(None, ambiguous=True, throttled=False, cause=cause, unreadable=True, may_be_event=True)
    return Case.UNREADABLE, again


def _decide_forbidden(answer: Answer, body: Body | None, *, events: int, sent: Sent) -> tuple[Case, Verdict]:
    """403: the key, the account, or a firewall that refuses the content."""
    case, verdict = _decide_refused(403, body or NO_BODY, events=events, sent=sent)
    if isinstance(verdict, TryAgain):
        return case, verdict
    if isinstance(verdict, Refused) and verdict.stop is not None and verdict.refusal.account is not AccountTrouble.KEY:
        return Case.ACCOUNT, verdict
    if isinstance(verdict, Partly):
        return Case.ATTRIBUTED_OTHERS_RESENT, verdict
    refusal = verdict.refusal if isinstance(verdict, Refused) else Refusal(_code(403), _words(body, sent))
    if body is None and _is_html(answer):
        hint = "the page is not the API's: ask who runs the firewall or proxy between here and it, then check the key"
        error = CredentialsRefused(
            "sending events to {api}: every request is refused with a page (HTTP 403)", hint=hint
        )
        return Case.FIREWALL, Refused(refusal, Stop(error, "HTTP 403"))
    stop = _credentials_refused("HTTP 403", words=refusal.words)
    return Case.FORBIDDEN, Refused(refusal, stop, stop_at_once=True)


def _is_html(answer: Answer) -> bool:
    return "html" in answer.headers.get("content-type", "").casefold() or answer.body.lstrip()[:1] == b"<"


def _decide_answered(status: int, body: Body, *, events: int, sent: Sent) -> tuple[Case, Verdict]:
    """2xx with a JSON object."""
    if body.errors is not None:
        if body.success and (body.count or 0) >= events and _attributed(status, body, events=events, sent=sent) is None:
            return Case.CONTRADICTORY, Accepted(unconfirmed=True)
        return _decide_refused(status, body, events=events, sent=sent)
    if body.success is False or (body.success is None and body.count == 0 and not body.skipped):
        return _decide_refused(status, body, events=events, sent=sent)
    short = body.skipped > 0 if body.count is None else body.count < events
    if body.success:
        return (Case.COUNTED_SHORT if short else Case.CONFIRMED), Accepted(unconfirmed=short)
    # If the count of errors is 0, the missing events were counted under an unknown name.
    if body.count is not None and body.count + body.skipped < events and not body.counts_no_errors:
        return Case.PARTLY_ACCEPTED, PartlyAccepted(body.count + body.skipped)
    confirmed = body.count == events
    case = Case.CONFIRMED if confirmed else Case.COUNTED_SHORT if short else Case.UNCONFIRMED
    return case, Accepted(unconfirmed=not confirmed)


def _decide_refused(status: int, body: Body, *, events: int, sent: Sent) -> tuple[Case, Verdict]:
    attributed = _attributed(status, body, events=events, sent=sent)
    if attributed is not None:
        errors, counts_from = attributed.errors, attributed.counts_from
        if len(errors) == events and all(error.account is not None for error in errors.values()):
            return _decide_opaque(status, errors[0])
        rest = events - len(errors)
        counted = body.count is not None and body.count >= rest
        says_so = status == 207 or (status // 100 == 2 and body.success is True)
        if status // 100 == 2 and (counted or (says_so and body.count is None)):
            return Case.ATTRIBUTED_OTHERS_ACCEPTED, Partly(errors, "accepted", counts_from)
        return Case.ATTRIBUTED_OTHERS_RESENT, Partly(errors, "resend", counts_from)
    if (body.errors is None or body.only_number) and body.count is not None and 0 < body.count < events:
        return Case.PARTLY_ACCEPTED, PartlyAccepted(body.count)
    refusal = read_refusal(body.about, otherwise=_code(status), sent=sent)
    return _decide_opaque(status, replace(refusal, account=refusal.account or trouble_of_status(body.status)))


def _decide_opaque(status: int, refusal: Refusal) -> tuple[Case, Verdict]:
    """Refused as a whole: because of an event that is not named, or of the account."""
    cause = f"HTTP {status}"
    match refusal.account:
        case AccountTrouble.SUSPENDED:
            return Case.ACCOUNT, Refused(refusal, _suspended(cause, words=refusal.words), stop_at_once=True)
        case AccountTrouble.OVER_QUOTA:
            return Case.ACCOUNT, Refused(refusal, _over_quota(cause, words=refusal.words), stop_at_once=True)
        case AccountTrouble.BUSY:
            return Case.BUSY, TryAgain(None, ambiguous=False, throttled=True, cause=_said(cause, refusal.words))
        case AccountTrouble.KEY:
            # A row's text may have caused these words, so halving decides.
            return Case.ACCOUNT, Refused(refusal, _credentials_refused(cause, words=refusal.words))
        case AccountTrouble.SERVER:
            again = TryAgain(None, ambiguous=True, throttled=False, cause=cause, may_be_event=True, words=refusal.words)
            return Case.SERVER_TROUBLE, again
        case None:
            return Case.REFUSED, Refused(refusal)


def _attributed(status: int, body: Body, *, events: int, sent: Sent) -> Attributed | None:
    if body.errors is None:
        return None
    return attribute(body.errors, events=events, otherwise=_code(status), sent=sent)


def _code(status: int) -> str:
    """The reason code of a refusal whose body gives none."""
    return "refused" if status // 100 == 2 else f"http_{status}"


def _words(body: Body | None, sent: Sent) -> str:
    """The body's words for people, redacted."""
    if body is None:
        return ""
    return read_refusal(body.about, otherwise="", sent=sent).words


def _decide_failure(failure: Failure) -> tuple[Case, Verdict]:
    match failure:
        case Failure.REFUSED | Failure.DNS | Failure.UNREACHABLE | Failure.CONNECT_TIMEOUT | Failure.PROXY:
            again = TryAgain(None, ambiguous=False, throttled=False, cause=failure.value, unreached=True)
            return Case.NOT_SENT, again
        case Failure.TIMEOUT | Failure.RESET | Failure.PROTOCOL | Failure.SURPLUS:
            unreadable = failure in (Failure.PROTOCOL, Failure.SURPLUS)
            cause = failure.value
            again = TryAgain(
                None, ambiguous=True, throttled=False, cause=cause, unreadable=unreadable, may_be_event=True
            )
            return Case.CUT_OFF, again
        case Failure.TLS | Failure.TLS_UNTRUSTED | Failure.TLS_HOSTNAME | Failure.TLS_EXPIRED:
            hint = "check destination.url; a private authority's certificates go into destination.ca_file"
            return Case.NO_TLS, _misconfigured(failure.value, failure.value, hint=hint)
        case Failure.FILES | Failure.FILES_OF_HOST:
            hint = "raise the limit: ulimit -n, or LimitNOFILE= of the unit"
            if failure is Failure.FILES_OF_HOST:
                hint = "end what holds so many open, or raise fs.file-max"
            error = HostRefused(f"sending events to {{api}}: {failure.value}", hint=f"{hint}; the next run goes on")
            return Case.NO_FILES, Stop(error, failure.value)
        case Failure.ADDRESS | Failure.HEADERS | Failure.PROXY_REFUSED:
            hint = "check destination.url, account and api_key, and the proxy if destination.proxy is on"
            return Case.UNSENDABLE, _misconfigured(failure.value, failure.value, hint=hint)
        case _:
            assert_never(failure)


def _verdict_by_status(case: Case, answer: Answer, *, words: str) -> Verdict:  # noqa: PLR0911  # one return a row
    """The verdict where the status alone decides."""
    cause, refusal = f"HTTP {answer.status}", Refusal(_code(answer.status), words)
    match case:
        case Case.TOO_LARGE:
            return TooLarge()
        case Case.THROTTLED:
            return TryAgain(None, ambiguous=False, throttled=True, cause=cause)
        case Case.SERVER_TROUBLE:
            return TryAgain(
                None, ambiguous=answer.request_sent, throttled=False, cause=cause, may_be_event=True, words=words
            )
        case Case.CREDENTIALS:
            return replace(_credentials_refused(cause, words=words), if_key_is_right=refusal)
        case Case.QUOTA:
            return replace(_over_quota(cause, words=words), if_key_is_right=refusal)
        case Case.REDIRECTED:
            target = answer.headers.get("location") or "an address without a host"
            hint = "redirects are never followed: set destination.url to the API's own address"
            stop = _misconfigured(f"the address redirects to {target} ({cause})", cause, hint=hint)
        case _:
            hint = "check destination.url, and what stands between here and the API"
            stop = _misconfigured(f"the address is not the API's ({cause})", cause, hint=hint)
    if answer.status == 407:
        return stop
    return replace(stop, unless_others_pass=refusal)


def _credentials_refused(cause: str, *, words: str) -> Stop:
    hint = "check destination.account and destination.api_key, and that both belong to this address"
    if cause == "HTTP 403":
        hint += (
            "; if both are right, a firewall may refuse the text of a row: "
            "one run with destination.batch_size: 1 and concurrency: 2 finds it, "
            "and where it refuses many, the nights from the fifth on do"
        )
    message = f"sending events to {{api}}: the API refused the credentials ({_said(cause, words)})"
    return Stop(CredentialsRefused(message, hint=hint), cause)


def _suspended(cause: str, *, words: str) -> Stop:
    hint = "no row was given up: once the account is open, the next run goes on"
    message = f"sending events to {{api}}: the API refuses the account ({_said(cause, words)})"
    return Stop(CredentialsRefused(message, hint=hint), cause)


def _over_quota(cause: str, *, words: str) -> Stop:
    message = f"sending events to {{api}}: the account's quota is used up ({_said(cause, words)})"
    return Stop(StoppedEarly(message, hint="the next run goes on where this one stopped"), cause)


def _said(cause: str, words: str) -> str:
    return f"{cause}: {words}" if words else cause


def _misconfigured(words: str, cause: str, *, hint: str) -> Stop:
    return Stop(DestinationMisconfigured(f"sending events to {{api}}: {words}", hint=hint), cause)

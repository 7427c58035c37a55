"""What `v1/verifyAuth` says of an account and its key, for `validate --connect`: right, wrong, or unclear.

Only `"verified": true` (also `"true"`, 1, `"yes"`) is a yes, and only a refusal of the request itself is a no: the call
is made for linking a shop, so `"verified": false` may mean nothing for a plain key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

import orjson

from etl.errors import ApiTrouble, CredentialsRefused, EtlError, StoppedEarly
from etl.verdict.account_words import AccountTrouble, account_trouble
from etl.verdict.answer import Answer, Failure
from etl.verdict.answer_words import yes_or_no
from etl.verdict.judge import Refusal, Refused, Stop, TryAgain, judge

_FIND_OUT = "a first `run --limit 1` tells: a wrong key ends it with exit code 5"


@unique
class CredentialOutcome(Enum):
    """How the check ended."""

    VERIFIED = "right"
    REFUSED = "wrong"
    UNREACHABLE = "unreachable"
    MISCONFIGURED = "misconfigured"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class CredentialCheck:
    """The outcome; `error` says why it is not VERIFIED. UNCLEAR is a warning; else it has the exit code of a run.

    said: the API answered yes or no, so it is not down, whatever the answer means for the key.
    """

    outcome: CredentialOutcome
    error: EtlError | None = None
    said: bool = False


def read_verification(answer: Answer | Failure) -> CredentialCheck:  # noqa: PLR0911  # one return an outcome
    """Judge the answer of `verifyAuth`."""
    verdict = judge(answer, events=1)
    match verdict:
        case Stop(error=CredentialsRefused()):
            return _refused()
        case Refused(stop=Stop(error=CredentialsRefused()), stop_at_once=True):
            return _refused(verdict.refusal.words)
        case Refused(refusal=Refusal(account=AccountTrouble.KEY, words=words), stop=Stop(cause=cause)) if (
            cause != "HTTP 403"
        ):
            return _refused(words)
        case Stop(error=StoppedEarly() as error):
            return CredentialCheck(CredentialOutcome.UNCLEAR, _of_this_call(error))
        case Stop(cause="HTTP 404", unless_others_pass=Refusal(words=words)) if words:
            # A 404 of the API itself, not of a wrong address: perhaps it found no shop to link.
            key = account_trouble(words) is AccountTrouble.KEY
            return _refused(words) if key else _unclear(f"the API answered HTTP 404 ({words})")
        case Stop(error=error):
            return CredentialCheck(CredentialOutcome.MISCONFIGURED, _of_this_call(error))
        case TryAgain(unreadable=False, cause=cause, unreached=unreached):
            error = StoppedEarly(f"checking the credentials at {{api}}: {cause}", unreached=unreached)
            return CredentialCheck(CredentialOutcome.UNREACHABLE, error)
    said = _verified(answer) if isinstance(answer, Answer) else None
    if said:
        return CredentialCheck(CredentialOutcome.VERIFIED, said=True)
    unclear = "the API answered `verified: false`" if said is False else "the answer says neither yes nor no"
    return _unclear(unclear, said=said is not None)


def _of_this_call(error: EtlError) -> EtlError:
    if isinstance(error, ApiTrouble):
        error.happened_while("checking the credentials at")
    return error


def _unclear(why: str, *, said: bool = False) -> CredentialCheck:
    error = StoppedEarly(
        f"checking the credentials at {{api}}: {why}, so the key may be right or wrong", hint=_FIND_OUT
    )
    return CredentialCheck(CredentialOutcome.UNCLEAR, error, said=said)


def _refused(words: str = "") -> CredentialCheck:
    said = f" ({words})" if words else ""
    error = CredentialsRefused(
        f"checking the credentials at {{api}}: the API does not accept this account and key{said}",
        hint="check destination.account and destination.api_key, and that both belong to this address",
    )
    return CredentialCheck(CredentialOutcome.REFUSED, error)


def _verified(answer: Answer) -> bool | None:
    if answer.truncated:
        return None
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return yes_or_no(said.get("verified")) if isinstance(said, dict) else None

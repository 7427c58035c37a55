"""What `v1/verifyAuth` says of an account and its key, for `validate --connect`.

Only `"verified": true` is a yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

import orjson

from etl.delivery.answer import Answer, Failure
from etl.delivery.verdict import Stop, TryAgain, judge
from etl.errors import CredentialsRefused, EtlError, StoppedEarly


@unique
class CredentialOutcome(Enum):
    """How the check ended."""

    VERIFIED = "verified"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    MISCONFIGURED = "misconfigured"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class CredentialCheck:
    """The outcome; `error` says why it is not VERIFIED and carries the exit code that a run would end with."""

    outcome: CredentialOutcome
    error: EtlError | None = None


def read_verification(answer: Answer | Failure) -> CredentialCheck:
    """Judge the answer of `verifyAuth`."""
    verdict = judge(answer, events=1)
    match verdict:
        case Stop(error=CredentialsRefused()):
            return _refused()
        case Stop(error=StoppedEarly() as error):
            return CredentialCheck(CredentialOutcome.UNCLEAR, error)
        case Stop(error=error):
            return CredentialCheck(CredentialOutcome.MISCONFIGURED, error)
        case TryAgain(unreadable=False, cause=cause):
            return CredentialCheck(CredentialOutcome.UNREACHABLE, StoppedEarly(f"checking the credentials: {cause}"))
    said = _verified(answer) if isinstance(answer, Answer) else None
    if said is None:
        unclear = "checking the credentials: the answer says neither yes nor no"
        return CredentialCheck(CredentialOutcome.UNCLEAR, StoppedEarly(unclear))
    return CredentialCheck(CredentialOutcome.VERIFIED) if said else _refused()


def _refused() -> CredentialCheck:
    error = CredentialsRefused(
        "checking the credentials: the API does not accept this account and key",
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
    verified = said.get("verified") if isinstance(said, dict) else None
    return verified if isinstance(verified, bool) else None

"""Trouble on demand: the `--fault` specifications, and the dice that decide which request meets which fault.

With a seed the same requests meet the same faults: each request draws the same number of times whatever is switched on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from etl.errors import UsageProblem
from etl.secret import Secret

# Statuses that a client has to survive; each is answered before the request is looked at.
STATUSES = (408, 429, 500, 502, 503, 504)
_STATUS_NAMES = frozenset(map(str, STATUSES))

KNOWN_FAULTS = (
    ("429@5%", "answers 429 with Retry-After to 5 % of the requests (also 408, 500, 502, 503, 504)"),
    ("drop@1%", "closes the connection without an answer: half of them before the batch is taken, half after"),
    ("slow=200ms", "waits before each answer (ms or s)"),
    ("reject=EMAIL", "refuses the events of that address, also when it arrives hashed"),
)

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_LONGEST_WAIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Faults:
    """What may go wrong. `statuses` and `drop` are probabilities from 0 to 1; `reject` holds lower-case addresses."""

    statuses: tuple[tuple[int, float], ...] = ()
    drop: float = 0.0
    slow_seconds: float = 0.0
    reject: frozenset[str] = frozenset()

    def in_words(self) -> list[str]:
        """What is switched on, as it would be asked for."""
        words = [f"{status}@{probability:.4g}%" for status, probability in ((s, p * 100) for s, p in self.statuses)]
        words += [f"drop@{self.drop * 100:.4g}%"] if self.drop else []
        words += [f"slow={self.slow_seconds * 1000:.4g}ms"] if self.slow_seconds else []
        return words + [f"reject={address}" for address in sorted(self.reject)]


class Drop(Enum):
    """When the connection of a request is closed."""

    NEVER = "never"
    BEFORE = "before the batch is taken"
    AFTER = "after the batch is taken"


@dataclass(frozen=True, slots=True)
class Fate:
    """What one request meets. `status` None = it is answered for what it is."""

    status: int | None
    drop: Drop
    slow_seconds: float


class Dice:
    """Draws the fate of each request. `seed` None = different at each start."""

    def __init__(self, faults: Faults, *, seed: int | None) -> None:
        self._faults = faults
        self._random = Random(seed)  # noqa: S311  # rehearsed trouble, not a secret

    def throw(self) -> Fate:
        """The fate of the next request."""
        status_draw, drop_draw, side_draw = self._random.random(), self._random.random(), self._random.random()
        status = None
        for candidate, probability in self._faults.statuses:
            if status_draw < probability:
                status = candidate
                break
            status_draw -= probability
        drop = Drop.NEVER
        if drop_draw < self._faults.drop:
            drop = Drop.BEFORE if side_draw < 0.5 else Drop.AFTER
        return Fate(status=status, drop=drop, slow_seconds=self._faults.slow_seconds)


def parse_faults(specs: Sequence[str]) -> Faults:
    """The faults that `specs` ask for.

    Raises:
        UsageProblem: one of them is not understood, is given twice, or the probabilities exceed 100 %; the hint lists
            every known fault.

    """
    shares: dict[str, float] = {}
    waits: list[float] = []
    reject: set[str] = set()
    for spec in specs:
        name, sign, argument = _split(spec)
        if name in shares or (name == "slow" and waits):
            raise _refusal(spec, "is given twice")
        if sign == "@" and (name == "drop" or name in _STATUS_NAMES):
            shares[name] = _probability(spec, argument)
        elif sign == "=" and name == "slow":
            waits.append(_seconds(spec, argument))
        elif sign == "=" and name == "reject":
            reject.add(_address(spec, argument))
        else:
            raise _refusal(spec, "is not a known fault")
    drop = shares.pop("drop", 0.0)
    if sum(shares.values()) > 1:
        raise _refusal(", ".join(specs), "adds up to more than 100%")
    statuses = tuple((int(name), share) for name, share in shares.items())
    return Faults(statuses=statuses, drop=drop, slow_seconds=sum(waits), reject=frozenset(reject))


def _split(spec: str) -> tuple[str, str, str]:
    # An address may hold an @, so the first sign of the two decides.
    found = re.match(r"([a-z0-9]+)([@=])(.*)", spec.strip(), re.DOTALL)
    return (found[1], found[2], found[3]) if found else ("", "", "")


def _probability(spec: str, argument: str) -> float:
    found = _PERCENT.fullmatch(argument)
    if not found or float(found[1]) > 100:
        raise _refusal(spec, "needs a share between 0% and 100% after the @")
    return float(found[1]) / 100


def _seconds(spec: str, argument: str) -> float:
    found = _DURATION.fullmatch(argument)
    seconds = float(found[1]) * (0.001 if found[2] == "ms" else 1.0) if found else _LONGEST_WAIT_SECONDS + 1
    if seconds > _LONGEST_WAIT_SECONDS:
        raise _refusal(spec, "needs a time up to 600s after the =, such as 200ms or 1.5s")
    return seconds


def _address(spec: str, argument: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", argument):
        raise _refusal(spec, "needs an e-mail address after the =")
    return argument.lower()


def _refusal(spec: str, what: str) -> UsageProblem:
    known = "; ".join(f"{example} {meaning}" for example, meaning in KNOWN_FAULTS)
    return UsageProblem(f"sandbox: --fault {spec} {what}", hint=f"known faults: {known}")


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Everything a sandbox can be told.

    `account` and `api_key`: None = any that is not empty. `multiple_languages`, `multiple_currencies` and
    `extra_fields` say what the account is like, as a mapping does.

    `requests_per_second`: None = no limit; above it a request
    is answered 429 with Retry-After. `max_body_bytes`: a larger request is answered 413. `kept_events`,
    `kept_refusals` and `kept_bytes` bound the memory: older events leave, the counts go on. `seed` fixes the dice of
    the faults; None = different at each start.
    """

    account: str | None = None
    api_key: Secret | None = None
    multiple_languages: bool = False
    multiple_currencies: bool = False
    extra_fields: frozenset[str] = frozenset()
    requests_per_second: float | None = None
    max_body_bytes: int = 1024 * 1024
    kept_events: int = 10_000
    kept_refusals: int = 1_000
    kept_bytes: int = 64 * 1024 * 1024
    faults: Faults = field(default_factory=Faults)
    seed: int | None = None

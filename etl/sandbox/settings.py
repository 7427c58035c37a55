"""How one sandbox behaves: who may send, how fast, how much is kept, and what goes wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field

from etl.sandbox.faults import Faults
from etl.secret import Secret


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Everything a sandbox can be told.

    `account` and `api_key`: None = any that is not empty. `requests_per_second`: None = no limit; above it a request
    is answered 429 with Retry-After. `max_body_bytes`: a larger request is answered 413. `kept_events`,
    `kept_refusals` and `kept_bytes` bound the memory: older events leave, the counts go on. `seed` fixes the dice of
    the faults; None = different at each start.
    """

    account: str | None = None
    api_key: Secret | None = None
    requests_per_second: float | None = None
    max_body_bytes: int = 1024 * 1024
    kept_events: int = 10_000
    kept_refusals: int = 1_000
    kept_bytes: int = 64 * 1024 * 1024
    faults: Faults = field(default_factory=Faults)
    seed: int | None = None

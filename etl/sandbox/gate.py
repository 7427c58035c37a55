"""The receiver's front door: how many requests a second may pass, and whose.

A limit is a token bucket that holds one second's worth, so a client that keeps to the rate is never turned away.
"""

from __future__ import annotations

import hmac
import math

from etl.errors import UsageProblem
from etl.secret import Secret


class RateGate:
    """Lets `per_second` requests pass a second; None lets all pass.

    Raises:
        UsageProblem: the rate is not a number above 0.

    """

    def __init__(self, per_second: float | None) -> None:
        if per_second is not None and not 0 < per_second < math.inf:
            raise UsageProblem(
                f"sandbox: --rate {per_second:g} is not a number above 0", hint="leave it out for no limit"
            )
        self._per_second = per_second
        self._capacity = max(1.0, per_second or 1.0)
        self._tokens = self._capacity
        self._filled_at: float | None = None

    def retry_after(self, *, now: float) -> int | None:
        """None = the request may pass; otherwise whole seconds after which one may. `now` is monotonic seconds."""
        if self._per_second is None:
            return None
        if self._filled_at is not None:
            gained = max(0.0, now - self._filled_at) * self._per_second
            self._tokens = min(self._capacity, self._tokens + gained)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return max(1, math.ceil((1 - self._tokens) / self._per_second))


def may_enter(
    *, account: str | None, api_key: str | None, expected_account: str | None, expected_api_key: Secret | None
) -> bool:
    """Whether a request with these two headers is let in. What is expected: None = anything that is not empty."""
    if not account or not api_key:
        return False
    known_account = expected_account is None or hmac.compare_digest(account.encode(), expected_account.encode())
    return known_account and (expected_api_key is None or Secret(api_key) == expected_api_key)

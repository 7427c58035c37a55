"""No exception of httpx is without a failure, whichever version adds one."""

from __future__ import annotations

import httpx
import pytest

from etl.api.failures import FAILURES, failure_of
from etl.verdict.answer import Failure

EXCEPTIONS = [
    kind
    for kind in vars(httpx).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == "httpx"
]


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_has_a_failure(kind: type[Exception]) -> None:
    """E12: an exception that is in no list would end a sender's thread."""
    assert any(base in FAILURES for base in kind.__mro__)
    assert isinstance(failure_of(kind.__new__(kind)), Failure)


def test_there_are_exceptions_to_check() -> None:
    assert len(EXCEPTIONS) > 20

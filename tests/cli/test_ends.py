"""When a run has to end, and where a run says that its events go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl.api.proxy import proxy_name
from etl.commands.sending import clock_end, running_end
from etl.errors import UsageProblem
from etl.mapping.destination import is_expected_host
from tests.state.filling import SteppingClock


@pytest.fixture
def clock() -> SteppingClock:
    """Half past five in the morning, here."""
    return SteppingClock(datetime(2026, 5, 4, 5, 30).astimezone(UTC))


@pytest.mark.parametrize(("deadline", "minutes"), [("06:00", 30), ("6:00", 30), ("05:30", 24 * 60), ("00:15", 1125)])
def test_a_deadline_is_the_next_such_local_time(clock: SteppingClock, deadline: str, minutes: int) -> None:
    """E8."""
    assert clock_end(deadline, clock=clock) == clock.now + timedelta(minutes=minutes)


def test_no_option_no_end(clock: SteppingClock) -> None:
    assert (clock_end(None, clock=clock), running_end(None, clock=clock)) == (None, None)


@pytest.mark.parametrize("wrong", ["24:00", "6", "06:60", "06:00:00", "²0:00", ""])
def test_a_wrong_deadline_says_how(clock: SteppingClock, wrong: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        clock_end(wrong, clock=clock)
    assert (caught.value.message, caught.value.hint) == ("--deadline: not a time of the day", "such as 06:00")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.squeezely.tech", True),
        ("http://127.0.0.1:8765", True),
        ("http://[::1]:80", True),
        ("http://localhost/x", True),
        ("https://api.squeezely.tech.evil.example", False),
        ("https://squeezely.tech", False),
        ("https://10.0.0.1", False),
    ],
)
def test_only_the_vendors_host_and_this_machine_need_no_word(url: str, *, expected: bool) -> None:
    """F8."""
    assert is_expected_host(url) is expected


def test_a_proxy_is_named_without_its_login() -> None:
    """C33."""
    environment = {"HTTPS_PROXY": "http://user:secret-word@proxy.example:3128"}
    assert proxy_name("https://api.squeezely.tech", environment=environment) == "proxy.example:3128"
    assert proxy_name("https://api.squeezely.tech", environment={}) is None

"""The five fields of a crontab, and what systemd makes of them."""

from __future__ import annotations

import re

import pytest

from etl.deploy.schedule import parse_schedule
from tests.deploy.programs import systemd_analyze

EXAMPLES = {
    "17 3 * * *": ("*-*-* 03:17:00",),
    "*/15 * * * *": ("*-*-* *:00,15,30,45:00",),
    "0 6-8 * * 1-5": ("Mon,Tue,Wed,Thu,Fri *-*-* 06,07,08:00:00",),
    "5 4 * * sun": ("Sun *-*-* 04:05:00",),
    "5 4 * * 7": ("Sun *-*-* 04:05:00",),
    "0 0 1 jan,Jul *": ("*-01,07-01 00:00:00",),
    "0 0 1-10/3 * *": ("*-*-01,04,07,10 00:00:00",),
    "0 2/6 * * 0-7": ("*-*-* 02,08,14,20:00:00",),
    "0 0 */2 * 1": ("Mon *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 00:00:00",),
    "0 0 13 * 5": ("Fri *-*-* 00:00:00", "*-*-13 00:00:00"),
}


@pytest.mark.parametrize(("cron", "expected"), EXAMPLES.items())
def test_a_schedule_is_the_same_for_systemd(cron: str, expected: tuple[str, ...]) -> None:
    """Two day fields mean either in a crontab and both in systemd, so they become two lines."""
    assert parse_schedule(cron).on_calendar == expected


def test_systemd_reads_every_example() -> None:
    systemd_analyze("calendar", *(line for lines in EXAMPLES.values() for line in lines))


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("17 3 * *", "expected the five fields of a crontab, such as '17 3 * * *', got 4"),
        ("60 3 * * *", "minute: '60' is not between 0 and 59"),
        ("0 3 0 * *", "day of the month: '0' is not between 1 and 31"),
        ("0 3 * * fun", "day of the week: 'fun' is not between 0 and 7"),
        ("0 5-3 * * *", "hour: '5-3' names nothing"),
        ("*/0 3 * * *", "minute: '*/0' names nothing"),
        ("0 3 * * *; rm", "expected the five fields of a crontab, such as '17 3 * * *', got 6"),
        ("0 3,,4 * * *", "hour: '' is not a number, a range, a list or *"),
        ("@daily", "expected the five fields of a crontab, such as '17 3 * * *', got 1"),
    ],
)
def test_what_is_no_schedule_is_refused_by_its_field(cron: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        parse_schedule(cron)

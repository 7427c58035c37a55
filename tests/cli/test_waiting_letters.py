"""The morning after a row was refused: what the next run's summary says of it."""

from __future__ import annotations

from typing import Any

from etl.sandbox.faults import SandboxSettings, parse_faults
from etl.sandbox.serve import running


def test_the_summary_tells_rows_that_wait_in_a_dead_letter_from_those_that_arrived(office: Any) -> None:
    office.write_mapping(source="  lookback: 1d")
    office.fill(200)
    with running(SandboxSettings(faults=parse_faults(["reject=person7@example.com"]))) as office.api_url:
        assert office.call("run", str(office.mapping), "--start-from", "beginning").code == 3
        ended = office.call("run", str(office.mapping), columns=160)
    assert ended.code == 0
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert "unchanged 200 the receiver has them already, but for 1 (see below)" in lines
    meaning = "the event is the very one that the row's open dead letter speaks of, so it was not sent again"
    assert f"dead_letter 1 {meaning}" in lines

"""A guard on the command line: the exit code, the commands that go on, what a monitor hears, and a kill in its look."""

from __future__ import annotations

import shlex
from signal import SIGKILL
from typing import Any

import pytest

from tests.processes.forked_cli import ForkedCli


def test_a_tripped_guard_waits_for_a_person_and_its_hint_goes_on(desk: Any) -> None:
    metrics = desk.folder / "run.prom"
    desk.variables = {"SQUEEZELY_ETL_RUN_METRICS_FILE": str(metrics)}
    desk.write_mapping(top="guards: {max_events: 20}")
    desk.fill(30)
    stopped = desk.run("--start-from", "beginning")
    assert stopped.code == 9
    *_, said, hint = stopped.err.splitlines()
    assert said == "error: people: nothing was sent: it would send 30 events, more than 20 (guards.max_events)"
    summary = stopped.summary
    assert (summary["outcome"], summary["sent"], summary["unsent"], summary["checkpoint"]) == ("stopped", 0, 30, None)
    assert (summary["forecast"]["events"], list(summary["forecast"]["guards"])) == (30, ["max_events"])
    assert desk.stats()["accepted"] == 0
    assert 'squeezely_etl_last_run_guards_tripped{command="run",mapping="people"} 1' in metrics.read_text()
    status = desk.call("status", str(desk.mapping), "--check")
    assert status.code == 3
    assert "a guard stopped the last run: nothing was sent: it would send 30 events" in status.out
    look, send = (shlex.split(part.partition(": squeezely-etl ")[2]) for part in hint.split("; ")[-2:])
    dry = desk.call(*look)
    assert (dry.code, "guard" in dry.out, "--ignore-guards" in dry.out) == (0, True, True)
    sent = desk.call(*send)
    assert (sent.code, desk.stats()["accepted"]) == (0, 30)
    assert 'squeezely_etl_last_run_guards_tripped{command="run",mapping="people"} 0' in metrics.read_text()


@pytest.mark.parametrize(
    "stage",
    [
        {"call": "etl.job.guards:tripped_guards"},
        {"return": "etl.job.guards:tripped_guards"},
        {"return": "etl.job.start:windows_to_read"},
    ],
    ids=lambda stage: " ".join(*stage.items()),
)
def test_a_kill_between_the_look_and_the_run_loses_nothing(
    desk: Any, forked_cli: ForkedCli, stage: dict[str, str]
) -> None:
    """The look has remembered nothing: the next night begins where this one would have."""
    desk.write_mapping(top="guards: {max_events: 40}")
    desk.fill(30)

    def run(*options: str, crash: Any = ()) -> int:
        child = forked_cli.start(
            "run", str(desk.mapping), *options, environment=desk.environment(), folder=desk.folder, crash=crash
        )
        return child.wait().code

    assert run("--start-from", "beginning", crash=[stage]) == -SIGKILL
    assert desk.stats()["accepted"] == 0
    first = () if stage.get("return") == "etl.job.start:windows_to_read" else ("--start-from", "beginning")
    assert run(*first) == 0
    assert (desk.stats()["accepted"], desk.stats()["duplicates"]) == (30, 0)
    desk.fill(35, first=100, minutes=60)
    assert run(crash=[stage]) == -SIGKILL
    assert run() == 0
    assert (desk.stats()["accepted"], desk.stats()["duplicates"]) == (65, 0)

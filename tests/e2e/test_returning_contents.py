"""kill -9 while contents change and return: after one quiet run the receiver's last event of each row is the row.

A row goes from A to B, the run that sends B is killed, and the row goes back to A: what the ledger knew before is A,
and what the receiver holds may be B. `KILL_SWEEP_SEED` in the environment replays a sweep; `make kills` kills twice as
often.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from random import Random
from signal import SIGKILL

import pytest

from tests.e2e import kill_points as points
from tests.e2e.shop_life import Kill, Life
from tests.e2e.test_kill_sweep import SEED, chance_kill
from tests.processes.forked_cli import ForkedCli

PARTS = int(os.environ.get("KILL_SWEEP_PARTS", "3"))
KILLS_A_PART = 52
ROWS = 30


class Toggling(Life):
    """A shop whose rows have one of two versions. Repeats are allowed here; what counts is what arrived last."""

    def flip(self, numbers: list[int]) -> None:
        """The other version of each row, later than all others."""
        self._moments += 1
        for number in numbers:
            row = self.rows[number]
            self.rows[number] = replace(row, version=3 - row.version, at=self._moment(1))
        self._save()

    def _check_events(self, *, by_kill: bool) -> None:
        for request in self.server.requests[self._first_request :]:
            for event in request.accepted:
                self._accepted.add((int(event["userid"]), event["custom_version"]))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_row_that_went_back_is_right_at_the_receiver_after_one_quiet_run(
    part: int, tmp_path: Path, forked_cli: ForkedCli
) -> None:
    """Every named point, every one of the server's, and by chance; now and then an older copy of the state besides."""
    chance = Random(f"{SEED} returning {part}")
    kills = _kills()[part::PARTS]
    life = Toggling(tmp_path / "life", forked_cli, chance)
    life.log.append(f"KILL_SWEEP_SEED={SEED}")
    killed = 0
    with life.server:
        life.insert(ROWS, broken=4)
        life.run()
        while killed < KILLS_A_PART:
            numbers = chance.sample(sorted(life.rows), chance.choice([1, 5, 12]))
            life.flip(numbers)
            backup = life.state.read_bytes()
            kill = kills.pop() if kills else chance_kill(chance)
            ended = life.run(kill)
            killed += ended.code == -SIGKILL
            life.flip(chance.sample(numbers, chance.randrange(len(numbers) + 1)))
            if chance.random() < 0.15:
                _restore(life, backup)
            life.run()
            life.check_nothing_lost()


def _restore(life: Life, backup: bytes) -> None:
    for beside in ("-wal", "-shm", "-journal"):
        life.state.with_name(life.state.name + beside).unlink(missing_ok=True)
    life.state.write_bytes(backup)
    life.log.append("an older copy of the state was put in place")


def _kills() -> list[Kill]:
    tables = (points.ANY, points.LEDGER, points.BROKEN, points.PAGES, points.DOUBT)
    named = [Kill(words, stages) for table in tables for words, stages in table.items()]
    by_server = [Kill(f"{when}, request {at}", request=at, when=when) for when in points.SERVER for at in (1, 2)]
    return [*named, *by_server]

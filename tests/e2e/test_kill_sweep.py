"""kill -9 of the real command line at every named point and at random, and of the runs that recover (D1, D2, E3).

`KILL_SWEEP_SEED` in the environment replays a sweep; its seed stands in every failure. Beside the kills some runs end
by a write that is torn at a given byte, by the kernel's limit for a file's length (D2).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from signal import SIGKILL

import pytest

from tests.e2e import kill_points as points
from tests.e2e.shop_life import Kill, Life
from tests.processes.crash_points import code_of
from tests.processes.forked_cli import Ended, ForkedCli

SEED = os.environ.get("KILL_SWEEP_SEED") or str(secrets.randbelow(10**6))
KILLS_A_LIFE = 12
# Whatever comes by chance, a sweep is over by then.
MOST_LIVES = 60
# The command, the named points, and how many kills by chance.
SWEEPS: dict[str, tuple[tuple[Mapping[str, points.Stages], ...], int]] = {
    "run": ((points.ANY, points.LEDGER, points.BROKEN, points.PAGES), 16),
    "run without a ledger": ((points.ANY, points.BROKEN, points.PAGES), 8),
    "run with workers": ((points.WORKERS,), 0),
    "run with workers, without an index": ((points.PLACES,), 0),
    "run without an index": ((points.ANY, points.LEDGER, points.BROKEN, points.SPOOL), 8),
    "backfill": ((points.ANY, points.LEDGER, points.BROKEN, points.PAGES, points.BACKFILL), 8),
    "retry": ((points.ANY, points.RETRY), 8),
}
LEAST_KILLS = 300


def test_the_sweeps_are_large_enough() -> None:
    """Every one of them is a SIGKILL; torn writes, and kills of recovering runs, come on top."""
    kills = [len(_kills(name)) for name in SWEEPS]
    assert sum(kills) + len(points.MAKING) + len(points.BACKFILL_END) >= LEAST_KILLS


def test_every_named_point_is_there() -> None:
    """A function that was renamed is found missing here at once."""
    stages = [stage for table in points.TABLES for each in table.values() for stage in each]
    assert all(code_of(place) for stage in stages for when, place in stage.items() if when in ("call", "return"))


@pytest.mark.parametrize("name", [name for name in SWEEPS if name.startswith("run")])
def test_a_run_killed_anywhere_loses_nothing(name: str, tmp_path: Path, forked_cli: ForkedCli) -> None:
    resend = "always" if name == "run without a ledger" else "changed"
    indexed = "without an index" not in name

    def step(life: Life, kill: Kill) -> Ended:
        if "with workers" not in name:
            life.insert(14, broken=4)
            life.update(2)
            return life.run(kill)
        life.insert(40, broken=4)
        life.update(2)
        # Each takes a second to start.
        return life.run(kill, "--workers", life.chance.choice("112"))

    def finish(life: Life) -> None:
        life.run()
        life.check_nothing_lost()

    def begin(folder: Path, chance: Random) -> Life:
        return Life(folder, forked_cli, chance, resend, indexed=indexed)

    _sweep(name, step, finish, begin, tmp_path)


def test_a_backfill_killed_anywhere_loses_nothing(tmp_path: Path, forked_cli: ForkedCli) -> None:
    """D20: a day for each kill, in windows of six hours; then the same command goes on to its end."""
    ends = [Kill(words, stages) for words, stages in points.BACKFILL_END.items()]

    def step(life: Life, kill: Kill) -> Ended:
        day = life.next_day()
        life.insert(24, broken=4, seconds_apart=3000)
        command = ("backfill", "--from", str(day), "--to", str(day + timedelta(days=1)), "--window", "6h")
        killed = life.call(*command, kill=kill)
        if ends and life.call(*command, kill=ends[-1]).code == -SIGKILL:
            ends.pop()
        life.call(*command)
        return killed

    _sweep("backfill", step, Life.check_nothing_lost, lambda folder, chance: Life(folder, forked_cli, chance), tmp_path)
    assert not ends


def test_a_retry_killed_anywhere_loses_nothing(tmp_path: Path, forked_cli: ForkedCli) -> None:
    """Rows are buried by an ordinary run, then mended or deleted; a killed retry leaves what it may to the next one."""

    def step(life: Life, kill: Kill) -> Ended:
        if not life.rows:
            life.insert(8, broken=0)  # a run that begins with failures only would be stopped
            life.run()
        life.insert(16, broken=14)
        assert life.run().code == 3
        life.delete(1)
        life.mend()
        return life.call("retry", kill=kill)

    def finish(life: Life) -> None:
        assert life.call("retry").code == 0
        life.check_nothing_lost()

    _sweep("retry", step, finish, lambda folder, chance: Life(folder, forked_cli, chance), tmp_path)


def test_a_state_killed_while_it_is_made_is_made_by_the_next_run(tmp_path: Path, forked_cli: ForkedCli) -> None:
    """D2, D3: there is a whole state or none. The run that recovers is killed too."""
    chance = Random(f"{SEED} making")
    for number, (name, stages) in enumerate(points.MAKING.items()):
        life = Life(tmp_path / str(number), forked_cli, chance)
        life.log.append(f"KILL_SWEEP_SEED={SEED}")
        with life.server:
            life.insert(16, broken=4)
            assert life.run(Kill(name, stages)).code == -SIGKILL, life.told("survived")
            again, more = chance.choice(list((points.ANY | points.MAKING).items()))
            life.run(Kill(again, more))
            life.run()
            life.check_nothing_lost()


def _kills(name: str) -> list[Kill | None]:
    """Every named point, every one of the server's, and None for each by chance."""
    tables, by_chance = SWEEPS[name]
    named: list[Kill | None] = [Kill(words, stages) for table in tables for words, stages in table.items()]
    by_server = [Kill(f"{when}, request {at}", request=at, when=when) for when in points.SERVER for at in (1, 2)]
    return [*named, *by_server, *[None] * by_chance]


def chance_kill(chance: Random) -> Kill:
    """A kill at a moment, a byte or a step by chance."""
    match chance.randrange(4):
        case 0:
            seconds = chance.random() * 0.2
            return Kill(f"after {seconds:.4f} s", after_seconds=seconds)
        case 1:
            size = chance.randrange(1, 150_000)
            return Kill(f"at byte {size} of a file", [{"bytes": size}])
        case _:
            steps = chance.randrange(1, 15_000)
            return Kill(f"{steps} steps after the lock", [{"return": points.LOCK}, {"steps": steps}])


def _sweep(
    name: str,
    step: Callable[[Life, Kill], Ended],
    finish: Callable[[Life], None],
    begin: Callable[[Path, Random], Life],
    folder: Path,
) -> None:
    chance = Random(f"{SEED} {name}")
    left = _kills(name)
    chance.shuffle(left)
    for number in count():
        if not left:
            return
        life = begin(folder / str(number), chance)
        life.log.append(f"KILL_SWEEP_SEED={SEED}")
        with life.server:
            for kill in left[:KILLS_A_LIFE]:
                ended = step(life, kill or chance_kill(chance))
                if ended.code == -SIGKILL:
                    left.remove(kill)
                # By chance a run may also end before its kill, or by a torn write: another kill then takes its place.
                # So it may where all answers come in one moment, and one settlement records them.
                by_chance = kill is None or "second settlement" in kill.name
                assert ended.code == -SIGKILL or (by_chance and number < MOST_LIVES), life.told("survived")
            finish(life)

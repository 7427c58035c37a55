"""A checkpoint, whenever it was written, passes nothing that was not settled, and the rest follows from it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from etl.job.run import run_mapping
from etl.job.start import RunOptions
from etl.page import Position
from tests.job.in_process import InProcess
from tests.servers.scripted_server import Exchange, ScriptedServer, like_squeezely
from tests.source.ties import TIES, Ties

FIELDS = 'userid: {template: "{id} {part}"}'


@dataclass
class Watched:
    """The state, that remembers each checkpoint and what the API had accepted when it was written."""

    state: Any
    api: ScriptedServer
    written: list[tuple[Position, list[str]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.state, name)

    def settle(self, settlement: Any, **more: Any) -> Sequence[Any]:
        if settlement.position is not None:
            self.written.append((settlement.position, [event["userid"] for event in self.api.accepted]))
        found: Sequence[Any] = self.state.settle(settlement, **more)
        return found


@pytest.mark.parametrize("ties", TIES, ids=str)
def test_every_checkpoint_ever_written_delivers_the_rest(
    ties: Ties, make_job: Any, api: ScriptedServer, request: pytest.FixtureRequest
) -> None:
    """A8, A26, A28, D17: for every kind of cursor, with two connections and batches that cut through pages and ties."""
    url = request.getfixturevalue(f"{ties.server}_url")
    keys = ties.make(url)
    source = f"table: t, primary_key: [{', '.join(ties.key)}], cursor_field: at, timezone: UTC, page_size: 4"
    source += ", lookback: 0"
    sections = {"source": source, "fields": FIELDS, "destination": "concurrency: 2, batch_size: 3"}
    job: InProcess = make_job(url, **sections)
    watched: list[Watched] = []
    in_pairs(api)

    def work(context: Any) -> Any:
        watched.append(Watched(context.state, api))
        return run_mapping(replace(context, state=watched[0]), RunOptions("first", start_from="beginning"))

    first = job.do(work)
    assert (first.error, first.books.sent) == (None, len(keys))
    api.script = ()
    everything = job.taken()
    order = [name_of(ties, key, everything) for key in keys]
    assert sorted(everything) == sorted(order)

    written = watched[0].written
    assert len(written) >= len(keys) / 3 / 2 - 1
    assert written[-1][0].key == keys[-1]
    for number, (position, accepted) in enumerate(written):
        passed = keys.index(position.key) + 1
        assert set(order[:passed]) <= set(accepted)
        later: InProcess = make_job(url, **sections, name=f"from-{number}")
        with later.state(write=True) as state:
            state.set_checkpoint("run", position)
            at = state.checkpoint()
            assert at is not None
            assert at.position == position
        assert later.run().error is None
        assert sorted(later.taken()) == sorted(order[passed:])


def in_pairs(api: ScriptedServer) -> None:
    """Let no connection run ahead: two requests are answered together, so that each pair leaves a checkpoint."""
    pair = threading.Barrier(2)

    def answer_with_the_other(exchange: Exchange) -> None:
        try:
            pair.wait(1.0)
        except threading.BrokenBarrierError:
            pair.reset()  # the last of an odd number stays alone
        like_squeezely(exchange)

    api.script = lambda _: answer_with_the_other


def name_of(ties: Ties, key: tuple[Any, ...], names: list[str]) -> str:
    """The userid of the row with `key`, of those that arrived."""
    parts = dict(zip(ties.key, key, strict=True))
    (found,) = (name for name in names if parts.items() <= _parts(name).items())
    return found


def _parts(name: str) -> dict[str, Any]:
    number, _, part = name.partition(" ")
    return {"id": int(number), "part": part}

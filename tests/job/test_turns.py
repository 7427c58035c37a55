"""One thread at a time decides, and nothing that was brought is left lying."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from etl.job.turns import Turns

PATIENCE_SECONDS = 20.0


def give_way() -> None:
    time.sleep(0)


class Loop:
    """A loop that notes what it took, and that no two threads took at once."""

    def __init__(self, *, over: Callable[[], bool] = lambda: False) -> None:
        self.taken: list[Any] = []
        self.deciders: set[str] = set()
        self.turns = Turns(self._decide, crashed=lambda error: ("crashed", error))
        # What happens once between the look into the inbox and the end of the turn; mostly others get a chance to run.
        self.meanwhile: Callable[[], None] = give_way
        self._over = over
        self._busy = False

    def take(self) -> None:
        assert not self._busy
        self._busy = True
        for message in self.turns.arrived():
            self.taken.append(message)
            if isinstance(message, Exception):
                self._busy = False
                raise message
        meanwhile, self.meanwhile = self.meanwhile, give_way
        meanwhile()
        self._busy = False

    def _decide(self) -> bool:
        self.deciders.add(threading.current_thread().name)
        self.take()
        return self._over()


def is_woken(loop: Loop) -> bool:
    """Whether the loop's wait ends before its time: it has not just run out."""
    begun = time.monotonic()
    loop.turns.wait(PATIENCE_SECONDS)
    return time.monotonic() - begun < PATIENCE_SECONDS / 2


def bring(loop: Loop, *messages: object) -> threading.Thread:
    def work() -> None:
        for message in messages:
            loop.turns.bring(message)

    thread = threading.Thread(target=work, name="bringer", daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("loop_looks", [True, False])
def test_every_message_is_taken_once_in_order_and_never_by_two_at_once(*, loop_looks: bool) -> None:
    """Eight connections answer at once, and the loop's own thread looks too, or only waits for the end."""
    loop = Loop(over=lambda: len(loop.taken) == 4000)
    with loop.turns.shared():
        threads = [bring(loop, *range(at, 4000, 8)) for at in range(8)]
        until = time.monotonic() + PATIENCE_SECONDS
        while len(loop.taken) < 4000 and time.monotonic() < until:
            if loop_looks:
                with loop.turns.take():
                    loop.take()
            loop.turns.wait(0.01)
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
    assert sorted(loop.taken) == list(range(4000))
    for at in range(8):
        of_one = [each for each in loop.taken if each % 8 == at]
        assert of_one == sorted(of_one)


def test_whoever_brings_something_decides_while_the_loop_waits() -> None:
    loop = Loop(over=lambda: True)
    with loop.turns.shared():
        bringer = bring(loop, "news")
        assert is_woken(loop)
        bringer.join(PATIENCE_SECONDS)
        assert (loop.taken, loop.deciders) == (["news"], {"bringer"})


def test_what_comes_while_another_decides_is_taken_before_that_one_goes() -> None:
    loop = Loop()
    loop.meanwhile = lambda: bring(loop, "second").join(PATIENCE_SECONDS)
    with loop.turns.shared():
        bring(loop, "first").join(PATIENCE_SECONDS)
    assert loop.taken == ["first", "second"]


def test_what_comes_during_the_loops_own_turn_is_left_to_it() -> None:
    loop = Loop()
    with loop.turns.shared():
        with loop.turns.take():
            bring(loop, "news").join(PATIENCE_SECONDS)
        assert is_woken(loop)
        assert loop.deciders == set()
        loop.take()
    assert loop.taken == ["news"]


def test_a_message_for_the_loop_alone_wakes_it() -> None:
    """E1: what a signal handler says, which must never wait for a lock."""
    loop = Loop()
    with loop.turns.shared():
        timer = threading.Timer(0.05, loop.turns.leave, ["stop"])
        timer.start()
        assert is_woken(loop)
        assert (list(loop.turns.arrived()), loop.deciders) == (["stop"], set())


def test_what_goes_wrong_in_another_thread_reaches_the_loop_and_nobody_decides_any_more() -> None:
    loop, trouble = Loop(), RuntimeError("a full disk")
    with loop.turns.shared():
        bring(loop, trouble, "later").join(PATIENCE_SECONDS)
        assert is_woken(loop)
        assert list(loop.turns.arrived()) == [("crashed", trouble), "later"]
        assert loop.taken == [trouble]


@pytest.mark.parametrize("shared_before", [False, True])
def test_outside_of_the_shared_loop_only_its_own_thread_decides(*, shared_before: bool) -> None:
    loop = Loop()
    if shared_before:
        with loop.turns.shared():
            pass
    bring(loop, "news").join(PATIENCE_SECONDS)
    assert (loop.taken, loop.deciders) == ([], set())
    assert list(loop.turns.arrived(PATIENCE_SECONDS)) == ["news"]

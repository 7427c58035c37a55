"""The `--fault` specifications and the dice."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import UsageProblem
from etl.sandbox.faults import KNOWN_FAULTS, STATUSES, Dice, Drop, Faults, parse_faults


def test_every_kind_is_understood_several_at_once() -> None:
    faults = parse_faults(["429@5%", "500@0.5%", "slow=200ms", "drop@1%", "reject=Eva@Example.com", "reject=jan@x.nl"])
    assert faults == Faults(
        statuses=((429, 0.05), (500, 0.005)),
        drop=0.01,
        slow_seconds=0.2,
        reject=frozenset({"eva@example.com", "jan@x.nl"}),
    )


def test_what_is_switched_on_can_be_said_in_the_same_words() -> None:
    specs = ["429@5%", "500@0.5%", "drop@1%", "slow=1500ms", "reject=eva@example.com"]
    assert parse_faults(specs).in_words() == specs


def test_no_fault_is_no_trouble() -> None:
    assert parse_faults([]) == Faults()
    assert Dice(Faults(), seed=None).throw().drop is Drop.NEVER


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (["429@5"], "--fault 429@5 needs a share between 0% and 100% after the @"),
        (["429@101%"], "--fault 429@101% needs a share between 0% and 100% after the @"),
        (["drop@-1%"], "--fault drop@-1% needs a share between 0% and 100% after the @"),
        (["418@5%"], "--fault 418@5% is not a known fault"),
        (["429=5%"], "--fault 429=5% is not a known fault"),
        (["slow@5%"], "--fault slow@5% is not a known fault"),
        (["slow=200"], "--fault slow=200 needs a time up to 600s after the =, such as 200ms or 1.5s"),
        (["slow=601s"], "--fault slow=601s needs a time up to 600s after the =, such as 200ms or 1.5s"),
        (["reject=eva"], "--fault reject=eva needs an e-mail address after the ="),
        (["gremlins"], "--fault gremlins is not a known fault"),
        ([""], "--fault  is not a known fault"),
        (["429@5%", "429@6%"], "--fault 429@6% is given twice"),
        (["drop@5%", "drop@5%"], "--fault drop@5% is given twice"),
        (["slow=1s", "slow=2s"], "--fault slow=2s is given twice"),
        (["500@60%", "429@50%"], "--fault 500@60%, 429@50% adds up to more than 100%"),
    ],
)
def test_a_mistake_is_named_and_the_known_faults_are_listed(specs: list[str], message: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_faults(specs)
    assert caught.value.message == f"sandbox: {message}"
    assert all(example in (caught.value.hint or "") for example, _ in KNOWN_FAULTS)


@given(st.text())
def test_no_text_breaks_the_parser(spec: str) -> None:
    with contextlib.suppress(UsageProblem):
        parse_faults([spec])


def test_the_same_seed_gives_the_same_fate_whatever_else_is_switched_on() -> None:
    """A test that adds a fault must not move the others to different requests."""
    few = Dice(parse_faults(["500@20%"]), seed=3)
    many = Dice(parse_faults(["500@20%", "drop@30%", "slow=1ms"]), seed=3)
    assert [few.throw().status for _ in range(500)] == [many.throw().status for _ in range(500)]


def test_shares_are_what_was_asked_for() -> None:
    dice = Dice(parse_faults(["429@10%", "500@20%", "drop@40%"]), seed=1)
    fates = [dice.throw() for _ in range(20_000)]
    statuses, drops = Counter(fate.status for fate in fates), Counter(fate.drop for fate in fates)
    assert statuses[429] == pytest.approx(2_000, rel=0.1)
    assert statuses[500] == pytest.approx(4_000, rel=0.1)
    assert drops[Drop.BEFORE] == pytest.approx(4_000, rel=0.1)
    assert drops[Drop.AFTER] == pytest.approx(4_000, rel=0.1)


@pytest.mark.parametrize("status", STATUSES)
def test_a_hundred_percent_is_always(status: int) -> None:
    dice = Dice(parse_faults([f"{status}@100%"]), seed=None)
    assert {dice.throw().status for _ in range(100)} == {status}

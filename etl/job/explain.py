"""One row's story: what it is now, what becomes of it, and what the ledger and the dead letters know.

The rule: it uses the same transform, encoding and hashes as a run, so that it cannot tell another story.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etl.batch.event import Event
from etl.checkpoint import Checkpoint
from etl.dead_letter import Closure, DeadLetter
from etl.job.prepare import Preparer
from etl.job.run import Workshop
from etl.page import Key, Page, Window
from etl.transform.transformer import FieldTrace, Problem, Transformer

DECISIONS = {
    "missing": "the source has no row with this key",
    "filtered": "no: source.where leaves it out",
    "unreadable": "no: the database's driver cannot decode the row",
    "invalid": "no: the row is invalid",
    "unchanged": "no: the receiver has this very event already",
    "given up": "no: this very event is a dead letter; `retry` sends it",
    "held": "not yet: it lies above the upper bound of a run that would start now",
    "new": "yes: nothing was accepted for this key yet",
    "changed": "yes: it differs from the last event accepted for this key",
    "always": "yes: resend is always",
}


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of one row. `decision` is a key of `DECISIONS`; `event` is None when the row makes none."""

    key: Key
    decision: str
    row: dict[str, object]
    fields: Sequence[FieldTrace]
    event: dict[str, object] | None
    problems: Sequence[Problem]
    dead_letters: Sequence[tuple[DeadLetter, Closure | None]]
    checkpoint: Checkpoint | None


def tell(
    shop: Workshop, transformer: Transformer, key: Key, dead_letters: Sequence[tuple[DeadLetter, Closure | None]]
) -> Story:
    """The story of the row with `key`. Reads the source and the state, changes neither."""
    page = shop.source.rows_by_key([key])
    checkpoint = shop.state.checkpoint("run")
    if not page.rows:
        everything = shop.source.rows_by_key([key], ignore_where=True)
        decision = "unreadable" if page.unreadable else "filtered" if everything.rows else "missing"
        return Story(key, decision, {}, (), None, (), dead_letters, checkpoint)
    transformed = transformer(page)
    prepared_all = shop.preparer(ledger=False)(page, first_seq=0, stamp=0)
    row = dict(zip((column.name for column in page.columns), page.rows[0], strict=True))
    return Story(
        key=key,
        decision=_decision(shop, page, prepared_all.events, shop.preparer(ledger=shop.mapping.resend == "changed")),
        row=row,
        fields=transformer.trace(page, 0),
        event=transformed.events[0],
        problems=transformed.problems,
        dead_letters=dead_letters,
        checkpoint=checkpoint,
    )


def _decision(shop: Workshop, page: Page, events: Sequence[Event], compare: Preparer) -> str:
    if not events:
        return "invalid"
    if shop.mapping.resend == "always":
        return "always"
    prepared = compare(page, first_seq=0, stamp=0)
    if not prepared.events:
        return "given up" if prepared.given_up else "unchanged"
    known = shop.state.digests([event.ledger_key for event in events])
    position = page.position(0)
    if position.cursor is not None:
        bound = shop.source.upper_bound()
        if bound.until is not None and shop.source.count(Window(start=position.cursor, until=bound.until)) == 0:
            return "held"
    return "changed" if known else "new"

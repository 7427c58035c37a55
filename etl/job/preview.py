"""Shows a person what a few real rows become; nothing is sent and no state is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.job.ports import PageSource, Transform
from etl.page import Key, Page, Window
from etl.transform.transformer import Problem


@dataclass(frozen=True, slots=True)
class PreviewedRow:
    """One row, the event that it becomes (None: invalid or unreadable) and its problems."""

    key: Key
    row: dict[str, object]
    event: dict[str, object] | None
    problems: tuple[Problem, ...]


def preview(
    source: PageSource,
    transform: Transform,
    *,
    limit: int,
    keys: Sequence[Key] = (),
    only_invalid: bool = False,
) -> Iterator[PreviewedRow]:
    """Yield up to `limit` rows in cursor order, or all those of `keys`; `only_invalid` skips rows without a problem."""
    if keys:
        left, pages = len(keys), source.pages_by_key(keys)
    else:
        # It is unknown how many rows have to be read to find `limit` invalid ones, so the reading has no limit.
        left, pages = limit, source.pages(Window(), limit=None if only_invalid else limit)
    for page in pages:
        for row in _previewed(page, transform):
            if only_invalid and not row.problems:
                continue
            yield row
            left -= 1
            if left == 0:
                return


def _previewed(page: Page, transform: Transform) -> Iterator[PreviewedRow]:
    for unreadable in page.unreadable:
        problem = Problem(row=-1, field="", code=unreadable.reason, message=unreadable.cause, fatal=True)
        yield PreviewedRow(unreadable.position.key, {}, None, (problem,))
    transformed = transform(page)
    problems: dict[int, list[Problem]] = {}
    for problem in transformed.problems:
        problems.setdefault(problem.row, []).append(problem)
    names = [column.name for column in page.columns]
    for index, values in enumerate(page.rows):
        yield PreviewedRow(
            key=page.position(index).key,
            row=dict(zip(names, values, strict=True)),
            event=transformed.events[index],
            problems=tuple(problems.get(index, ())),
        )

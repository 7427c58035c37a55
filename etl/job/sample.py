"""Tries the mapping on the newest rows of its source, for `validate --connect`.

Nothing is sent, and no value of a row is shown, only fields, codes and counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from etl.job.ports import Transform
from etl.mapping.catalogue import FIELDS
from etl.mapping.model import Mapping
from etl.page import Page
from etl.transform.plausible import groups_thousands, implausible

SAMPLED_ROWS = 200
# The share of rows without a field, from which on a person should look at it.
OFTEN = 0.2


@dataclass(frozen=True, slots=True)
class Failing:
    """`rows` of `sampled` rows have the problem `code` with `field`.

    `invalid`: the problem makes the rows invalid; otherwise the field is left out. `stops`: so many would stop a run.
    """

    field: str
    code: str
    words: str
    rows: int
    sampled: int
    invalid: bool
    stops: bool


def implausible_fields(page: Page, transform: Transform, mapping: Mapping, *, today: date) -> list[tuple[str, str]]:
    """Values that their types accept but that look wrong, as pairs of a field and words."""
    columns = transform(page).columns
    names = [column.name for column in page.columns]
    found: list[tuple[str, str]] = []
    for name, rule in mapping.fields.items():
        if rule.value is not None:
            continue
        type_name = rule.type or (FIELDS[name].type if name in FIELDS else None)
        present = [value for value in columns[name] if value is not None]
        found += [(name, words) for words in implausible(name, type_name, present, today=today)]
        if type_name in ("number", "decimal", "integer") and rule.decimal_separator == "." and not rule.transform:
            at = [names.index(one) for one in rule.columns if one in names]
            if groups_thousands([row[one] for row in page.rows for one in at]):
                found.append((name, 'the texts look like 1.234,50: add decimal_separator: ","'))
    return found


def failing_fields(page: Page, transform: Transform, *, max_failure_rate: float) -> list[Failing]:
    """What fails in the sampled rows, most rows first; a field that is left out counts only if that happens often."""
    sampled = len(page.rows)
    found = transform(page)
    rows: dict[tuple[str, str, bool], set[int]] = {}
    words: dict[tuple[str, str, bool], str] = {}
    for problem in found.problems:
        if problem.fatal or problem.omitted:
            at = (problem.field, problem.code, problem.fatal)
            rows.setdefault(at, set()).add(problem.row)
            words.setdefault(at, problem.message)
    stops = len(found.invalid) > max_failure_rate * sampled
    failing = [
        Failing(field, code, words[field, code, fatal], len(at), sampled, invalid=fatal, stops=fatal and stops)
        for (field, code, fatal), at in rows.items()
        if fatal or len(at) > OFTEN * sampled
    ]
    return sorted(failing, key=lambda one: (-one.rows, one.field, one.code))

"""Chooses the columns that hold consent: flags by name, words by their values, times of opting in.

The rule: what is not known to be a yes or a no is left out of the event, never taken for a no.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from etl.drafting.dictionary import (
    CONSENT_NO,
    CONSENT_STATES,
    CONSENT_TELLING,
    CONSENT_TIMES,
    CONSENT_UNKNOWN,
    CONSENT_YES,
    CONSENTS,
    LISTED,
    REVOCATION_TIMES,
)
from etl.drafting.draft import DraftField
from etl.drafting.facts import SampledColumn
from etl.drafting.lines import quoted
from etl.drafting.looks import fit
from etl.drafting.names import bare, is_secret, rank

_PARTNERS = ("optin", "optedin")
_DOUBLE = ("dboptin", "doubleoptin")
_OLDEST = 1990


def add_consent(
    chosen: dict[str, DraftField],
    columns: Sequence[SampledColumn],
    *,
    is_subscription: bool,
    is_newsletter: bool = False,
) -> None:
    """Add newsletter and marketing to `chosen`.

    `is_subscription`: each row is one person's subscription; `is_newsletter`: to a newsletter, by the table's name.
    """
    taken = {one.column for one in chosen.values()}
    newsletter = chosen.get("newsletter")
    partner = next((one for one in columns if bare(one.known_as) in _PARTNERS and one.name not in taken), None)
    if newsletter is not None and "marketing" not in chosen and partner is not None:
        reason = "opt-in beside a newsletter: usually the mail of partners; CHECK"
        chosen["marketing"] = DraftField("marketing", partner.name, reason)
        taken.add(partner.name)
    for column in columns:
        if column.name in taken and (newsletter is None or column.name != newsletter.column):
            continue
        for field in _said_by_values(column, is_subscription=is_subscription):
            if "newsletter" not in chosen or chosen["newsletter"].column == column.name:
                chosen["newsletter"] = field
                taken.add(column.name)
    listed = next((one for one in columns if _is_listed(one) and one.name not in taken), None)
    if is_newsletter and listed is not None and "newsletter" not in chosen:
        reason = "whether the address is in use for the newsletter, by its name; CHECK"
        chosen["newsletter"] = DraftField("newsletter", listed.name, reason)
    for name, names in CONSENT_TIMES.items():
        for column in columns if name not in chosen and not list(_revocations(columns)) else ():
            if column.name not in taken and rank(column.known_as, names) is not None and _is_time(column):
                chosen[name] = _of_time(name, column)
                taken.add(column.name)
                break


def revoked_beside(chosen: Mapping[str, DraftField], columns: Sequence[SampledColumn]) -> Iterator[str]:
    """Words for times of opting in and out that stand side by side: a mapping cannot say which is the later one."""
    for name, names in CONSENT_TIMES.items():
        given = next((one for one in columns if rank(one.known_as, names) is not None and _is_time(one)), None)
        revoked = next(_revocations(columns), None)
        if name not in chosen and given is not None and revoked is not None:
            yes, no = given.in_sql, revoked.in_sql
            yield (
                f"{given.name} says who opted in, and {revoked.name} who left again: {name} is left out, since only a "
                f"`query` can compare them: CASE WHEN {no} >= {yes} OR {yes} IS NULL AND {no} IS NOT NULL THEN 'no' "
                f"WHEN {yes} IS NOT NULL THEN 'yes' END AS {name}"
            )


def _revocations(columns: Sequence[SampledColumn]) -> Iterator[SampledColumn]:
    for one in columns:
        if one.values and rank(one.known_as, REVOCATION_TIMES) is not None and _is_time(one):
            yield one


def _is_listed(column: SampledColumn) -> bool:
    return rank(column.known_as, LISTED) is not None and bool(column.values) and fit(column, "yes_no").whole


def only_said(field: DraftField, column: SampledColumn, rows: int) -> tuple[str, str] | None:
    """A condition that leaves out rows with neither yes nor no, and the reason; None if every row has one."""
    condition = field.said or (f"{column.in_sql} IS NOT NULL" if len(column.values) < rows else "")
    words = "an EmailOptIn that does not say newsletter: no could be taken for a yes, so who said neither is left out"
    return (condition, words) if condition else None


def _said_by_values(column: SampledColumn, *, is_subscription: bool) -> Iterator[DraftField]:
    if is_secret(column.name):
        return
    spellings = sorted({one.strip() for one in column.values if isinstance(one, str) and one.strip()})
    words = {bare(one) for one in spellings}
    if (
        (words & CONSENT_TELLING or rank(column.known_as, CONSENTS) is not None)
        and words & (CONSENT_YES | CONSENT_NO)
        and words <= CONSENT_YES | CONSENT_NO | CONSENT_UNKNOWN
    ):
        meant = {one: _meaning(bare(one)) for one in spellings}
        meaning = [one for one, what in meant.items() if what != "null"]
        known = ", ".join(f"{quoted(one)}: {what}" for one, what in meant.items())
        reason = "its words say who subscribed"
        said = f"{column.in_sql} IN ({', '.join(_literal(one) for one in meaning)})"
        yield DraftField("newsletter", column.name, reason, (("map", f"{{{known}, else: null}}"),), said=said)
        return
    numbers = {one for one in column.values if isinstance(one, int) and not isinstance(one, bool)}
    if rank(column.known_as, _DOUBLE) is not None and 2 in numbers and numbers <= {0, 1, 2}:
        reason = "double opt-in by its name; CHECK: 2 is taken for asked and not confirmed"
        yield _of_states(column, reason, yes=1, no=0)
    elif is_subscription and rank(column.known_as, CONSENT_STATES) is not None and 3 in numbers <= {1, 2, 3, 4}:
        reason = "a state by its name; CHECK: 1 is taken for subscribed, 3 for unsubscribed, others for neither"
        yield _of_states(column, reason, yes=1, no=3)


def _of_states(column: SampledColumn, reason: str, *, yes: int, no: int) -> DraftField:
    states = f'{{{yes}: "yes", {no}: "no", else: null}}'
    said = f"{column.in_sql} IN ({min(yes, no)}, {max(yes, no)})"
    return DraftField("newsletter", column.name, reason, (("map", states),), said=said)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _meaning(word: str) -> str:
    return '"yes"' if word in CONSENT_YES else '"no"' if word in CONSENT_NO else "null"


def _is_time(column: SampledColumn) -> bool:
    return (column.kind or "text").startswith("date") or (
        column.kind in ("text", None) and all(str(one)[:4].isdigit() for one in column.values)
    )


def _of_time(name: str, column: SampledColumn) -> DraftField:
    """Yes where there is a time of opting in; the zero dates of MySQL mean that there is none."""
    zero = sorted({one for one in column.values if isinstance(one, str) and one.startswith("0000")})
    old = any(isinstance(one, date | datetime) and one.year < _OLDEST for one in column.values)
    known = "".join(f"{quoted(one)}: null, " for one in zero)
    check = "; CHECK: some times lie before 1990, and mean perhaps that there is none" if old else ""
    reason = f"a time of opting in: a person with one said yes; CHECK: is it emptied by opting out?{check}"
    said = f"{column.in_sql} > '{_OLDEST}-01-01'" if zero or old else f"{column.in_sql} IS NOT NULL"
    return DraftField(name, column.name, reason, (("map", f'{{{known}else: "yes"}}'),), said=said)

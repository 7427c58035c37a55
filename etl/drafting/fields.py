"""Chooses which column becomes which field.

The rule: a column is proposed by its name and confirmed by its values; without a fitting name nearly all values must be
alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from etl.drafting.dictionary import FIELD_NAMES, ORDER_OWNERS, OWNERS, PARTICLES
from etl.drafting.draft import DraftField
from etl.drafting.facts import SampledColumn, TableFacts
from etl.drafting.lines import quoted
from etl.drafting.looks import CONVINCING, PLAUSIBLE, Fit, fit, look_of, needs_comma
from etl.drafting.names import bare, counts_cents, is_secret, rank
from etl.mapping.catalogue import FIELDS, IDENTITY_FIELDS, ReceiverField, on_invalid_of
from etl.transform.plausible import implausible

_BY_LOOK = ("email", "currency", "country", "language")
# Two letters may be a code of anything: only a column with such a word in its name is a country or a language.
_CALLED = {
    "country": ("land", "country", "ctry", "cntry", "iso"),
    "language": ("lang", "local", "taal", "sprach", "spras"),
}
_NUMBERS = frozenset({"number", "decimal", "integer"})
_SHORT = 2
_NAMELESS = ("field", "col", "column", "kolom", "spalte", "feld", "veld", "attr", "attribute", "value", "extra")
_AMOUNTS = frozenset({"totalvalue", "price"})
CENTS = "CHECK: whole numbers; if they are cents: {column: …, transform: [scale(0.01)]}"
# Fields of an order: before such a name only a word for an order may stand, as in `order_total`.
_OWNERS_OF = {"orderid": ORDER_OWNERS, "totalvalue": ORDER_OWNERS}


def fields_by_name(
    columns: Sequence[SampledColumn],
    names: Mapping[str, Sequence[str]],
    known: Mapping[str, ReceiverField],
    *,
    today: date,
    owners: Sequence[str] = OWNERS,
) -> dict[str, DraftField]:
    """For each field the best column that is called like it and whose values fit; a column serves one field."""
    chosen: dict[str, DraftField] = {}
    taken: set[str] = set()
    for field, synonyms in names.items():
        whose = _OWNERS_OF.get(field, owners)
        ranked = sorted(
            (place, at)
            for at, one in enumerate(columns)
            if not is_secret(one.name) and (place := rank(one.known_as, synonyms, owners=whose)) is not None
        )
        for _, at in ranked:
            column = columns[at]
            found = fit(column, known[field].type)
            if column.name not in taken and found.share >= PLAUSIBLE:
                chosen[field] = field_of(field, column, found, known[field].type, why="by its name", today=today)
                taken.add(column.name)
                break
    return chosen


def field_of(  # noqa: PLR0913, PLR0911 - what is known of a column and a field
    name: str, column: SampledColumn, found: Fit, type_name: str, *, why: str, today: date
) -> DraftField:
    """The line of the field `name` from `column`, with what its values say for and against it."""
    if name in _AMOUNTS and counts_cents(column.name):
        return DraftField(name, column.name, f"{why}: cents", (("transform", "[scale(0.01)]"),))
    if name in _AMOUNTS and column.kind == "integer":
        return DraftField(name, column.name, f"{why}; {CENTS}")
    if not found.present:
        return DraftField(name, column.name, why)
    options = (("decimal_separator", '","'),) if type_name in _NUMBERS and needs_comma(column) else ()
    odd = "; ".join(implausible(name, type_name, found.results, today=today))
    if found.whole:
        values = "" if type_name == "text" else f", and all {found.present} sampled values fit"
        return DraftField(name, column.name, why + (f", but CHECK: {odd}" if odd else values), options)
    refused = f"{found.present - found.taken} of {found.present} sampled values do not fit"
    if name in IDENTITY_FIELDS:
        return DraftField(name, column.name, f"{why}; {refused}: such rows are invalid")
    if odd:
        refused = f"{refused}; CHECK: {odd}"
    if on_invalid_of(name) == "omit":
        return DraftField(name, column.name, f"{why}; {refused}, and are left out", options)
    return DraftField(name, column.name, f"{why}; {refused}, and are left out", (*options, ("on_invalid", "omit")))


def add_by_look(chosen: dict[str, DraftField], facts: TableFacts) -> None:
    """Add the fields whose values alone say what they are."""
    taken = {one.column for one in chosen.values()}
    for column in facts.columns:
        look = look_of(column)
        if look in _BY_LOOK and look not in chosen and column.name not in taken and not is_secret(column.name):
            found = fit(column, FIELDS[look].type)
            if found.share >= CONVINCING and is_called(column, look):
                why = "by what its values look like"
                chosen[look] = field_of(look, column, found, FIELDS[look].type, why=why, today=facts.today)
                taken.add(column.name)


def is_called(column: SampledColumn, look: str) -> bool:
    """Whether the column's name allows the type of its values: it names it, or means nothing, as `c` and `field_7`.

    A longer code, as nl_NL, needs no name.
    """
    name = "".join(one for one in bare(column.known_as) if one.isalpha())
    says_nothing = len(name) <= _SHORT or name in _NAMELESS
    short = all(len(one.strip()) <= _SHORT for one in column.values if isinstance(one, str))
    return look not in _CALLED or not short or says_nothing or any(one in name for one in _CALLED[look])


def person_fields(facts: TableFacts) -> dict[str, DraftField]:
    """The fields of the row by their names, orders' own ones among them."""
    chosen = fields_by_name(facts.columns, FIELD_NAMES, FIELDS, today=facts.today)
    last = chosen.get("lastname")
    particle = next((one for one in facts.columns if rank(one.known_as, PARTICLES) is not None), None)
    if last is None or last.column is None or last.options or particle is None:
        return chosen
    # The names of other columns cannot stand in a template.
    if particle.name.isidentifier() and last.column.isidentifier():
        template = ("template", quoted(f"{{{particle.name}}} {{{last.column}}}"))
        reason = f"{last.reason}; with what stands before it, where there is something"
        chosen["lastname"] = DraftField("lastname", None, reason, (template,), further=(particle.name, last.column))
    return chosen

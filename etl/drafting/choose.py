"""Makes a draft from the facts of a table.

The rule: each choice says why; what is missing is reported, and a draft without an identity cannot be run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from etl.drafting.consent import add_consent, only_said, revoked_beside
from etl.drafting.dictionary import CUSTOMER_REFERENCES, FIELD_NAMES, NEWSLETTERS
from etl.drafting.draft import Draft, DraftField
from etl.drafting.facts import SampledColumn, TableFacts
from etl.drafting.fields import add_by_look, is_called, person_fields
from etl.drafting.looks import CONVINCING, fit, look_of, looks_like_countries, looks_like_secrets, needs_comma
from etl.drafting.names import bare, event_name, is_secret, is_subscriber_table, rank, slug
from etl.drafting.orders import order_of
from etl.drafting.products import products_of
from etl.mapping.catalogue import FIELDS, IDENTITY_FIELDS
from etl.transform.plausible import implausible

# From this share of rows without an identity on, a remark is made.
_MOST_WITHOUT = 0.03
_ONLY_OF_ORDERS = ("orderid", "totalvalue")
_LONGEST_CUSTOM = 57
_NO_PRODUCTS = "a Purchase needs products with an article and a quantity, and none were found; see products below"


def choose(facts: TableFacts) -> Draft:
    """The draft of the mapping of the table that `facts` describe."""
    remarks = list(facts.remarks)
    chosen = chosen_fields(facts)
    order = order_of(facts, chosen)
    remarks += order.remarks
    chosen = _with_order(chosen, order.fields) if order.is_order else _without_order(chosen)
    if order.missing and not order.is_order:
        remarks.append(f"not drafted as a Purchase: no {' and no '.join(order.missing)} was found in {facts.name}")
    _add_timestamp(chosen, facts)
    stand_in = None
    if not any(name in chosen for name in IDENTITY_FIELDS):
        stand_in, remark = _stand_in(facts)
        remarks.append(remark)
    else:
        remarks += _without_identity(facts, chosen)
    remarks += _countries_as_languages(facts, chosen)
    remarks += revoked_beside(chosen, facts.columns)
    products = None
    if order.is_order:
        products, unfit = products_of(facts, chosen)
        remarks += unfit
        if products is None:
            remarks.append(_NO_PRODUCTS)
    fields = tuple(chosen[name] for name in FIELDS if name in chosen)
    offered, secrets = _offered(facts)
    own = (
        {one.column for one in products.fields} if products and not (products.match or products.json_column) else set()
    )
    json_column = {products.json_column} if products and products.json_column else set()
    event, reason = _event(facts, chosen, is_order=order.is_order)
    return Draft(
        event=event,
        event_reason=reason,
        fields=fields,
        customs=tuple(
            _customs(
                facts, offered, {name for one in fields for name in (one.column, *one.further)} | own | json_column
            )
        ),
        products=products,
        needs_zone=_is_naive(facts, fields),
        remarks=tuple(remarks),
        stand_in=stand_in,
        where=_consented(facts, chosen) if event == "EmailOptIn" else order.where,
        secrets=secrets,
    )


def _event(facts: TableFacts, chosen: Mapping[str, DraftField], *, is_order: bool) -> tuple[str, str]:
    if is_order:
        return "Purchase", "the receiver interprets this name"
    if is_subscriber_table(facts.name, facts.prefix) and "newsletter" in chosen:
        return "EmailOptIn", "the receiver interprets this name; newsletter: no makes it an opt-out"
    return event_name(facts.name, facts.prefix), "a name of your own; segments refer to it"


def _consented(facts: TableFacts, chosen: Mapping[str, DraftField]) -> tuple[str, str] | None:
    newsletter = chosen["newsletter"]
    return only_said(newsletter, facts.column(newsletter.column or ""), facts.rows)


def chosen_fields(facts: TableFacts) -> dict[str, DraftField]:
    """The fields of the row itself, chosen by names and values, without those of orders."""
    chosen = person_fields(facts)
    for name, column in facts.joined:
        own = chosen.get(name)
        if own is not None and own.column not in (None, column):
            reason = f"{own.reason}; where it is empty, that of another table: see source.query"
            chosen[name] = replace(own, reason=reason, further=(column,))
        else:
            chosen[name] = DraftField(name, column, "joined from another table; see source.query")
    # A flag may have the name of a field for which the words of another column fit better.
    is_subscription = is_subscriber_table(facts.name, facts.prefix)
    add_consent(
        chosen,
        facts.columns,
        is_subscription=is_subscription,
        is_newsletter=is_subscription and any(one in bare(facts.name) for one in NEWSLETTERS),
    )
    add_by_look(chosen, facts)
    return chosen


def _with_order(chosen: Mapping[str, DraftField], order: Mapping[str, DraftField]) -> dict[str, DraftField]:
    taken = {one.column for one in order.values()}
    rest = {
        name: one for name, one in chosen.items() if one.column not in taken and name not in ("orderid", "totalvalue")
    }
    if "timestamp" not in order:
        rest.pop("timestamp", None)
    return {**rest, **order}


def _without_order(chosen: Mapping[str, DraftField]) -> dict[str, DraftField]:
    return {name: one for name, one in chosen.items() if name not in _ONLY_OF_ORDERS}


def _add_timestamp(chosen: dict[str, DraftField], facts: TableFacts) -> None:
    names = facts.cursor.columns if facts.cursor is not None else (facts.changed,) if facts.changed else ()
    if "timestamp" in chosen or "orderid" in chosen or not names:
        return
    column = facts.column(names[0])
    found = fit(column, "datetime")
    counts = column.kind == "integer" and not (facts.cursor and facts.cursor.unit)
    if not counts and found.share >= CONVINCING:
        odd = "; ".join(implausible("timestamp", "datetime", found.results, today=facts.today))
        why = f"{'the cursor: ' if facts.cursor else ''}when the row last changed" + (f"; CHECK: {odd}" if odd else "")
        chosen["timestamp"] = DraftField("timestamp", column.name, why, further=names[1:])


def _stand_in(facts: TableFacts) -> tuple[DraftField, str]:
    """A column that could identify people: a reference to a customer, or else the key."""
    ranked = sorted(
        (place, one.name)
        for one in facts.columns
        if one.name not in facts.key.columns and (place := rank(one.known_as, CUSTOMER_REFERENCES)) is not None
    )
    # The first column of a composite key is often a tenant or a shop, so the last is taken.
    telling = max(facts.key.columns, key=lambda name: len(set(map(str, facts.column(name).values))))
    column = ranked[0][1] if ranked else telling
    remark = (
        "no column holds an e-mail address or an external id, and no table was found that does. Join the table with "
        "the addresses in a `query` and map email; userid is a comment below, because an internal id splits profiles"
    )
    return DraftField("userid", column, "A STAND-IN: only if the account knows people by it"), remark


def lacks_address(facts: TableFacts, chosen: Mapping[str, DraftField]) -> bool:
    """Whether so many rows have no address of their own that it should be looked for in another table."""
    email = chosen.get("email")
    if email is None or email.column is None or "userid" in chosen:
        return False
    without = facts.rows - fit(facts.column(email.column), "email").taken
    return without > _MOST_WITHOUT * facts.rows


def _without_identity(facts: TableFacts, chosen: Mapping[str, DraftField]) -> Iterator[str]:
    """A remark on rows without an identity, if only one field gives it; two may fill each other's gaps."""
    identities = [name for name in IDENTITY_FIELDS if name in chosen]
    if len(identities) != 1 or not facts.rows:
        return
    identity = chosen[identities[0]]
    column = facts.column(identity.column or "")
    if identity.further:
        return
    without = facts.rows - fit(column, FIELDS[identities[0]].type).taken
    if without > _MOST_WITHOUT * facts.rows:
        share = f"{without} of {facts.rows} sampled rows ({without / facts.rows:.0%}) have no {identities[0]}"
        yield (
            f"{share}, and are invalid: leave them out with `where: {column.in_sql} IS NOT NULL`, or the first run may "
            "stop at max_failure_rate"
        )


def _countries_as_languages(facts: TableFacts, chosen: Mapping[str, DraftField]) -> Iterator[str]:
    for column in facts.columns:
        taken = "language" in chosen and chosen["language"].column == column.name
        if not taken and rank(column.known_as, FIELD_NAMES["language"]) is not None and looks_like_countries(column):
            yield f"{column.name} is called like a language, and holds countries; no language is guessed from a country"


def _offered(facts: TableFacts) -> tuple[tuple[SampledColumn, ...], int]:
    """The columns that may become custom fields, and how many look like what gives access."""
    readable = [one for one in facts.columns if one.kind not in ("bytes", "other")]
    offered = tuple(one for one in readable if not is_secret(one.name) and not looks_like_secrets(one))
    return offered, len(readable) - len(offered)


def _customs(facts: TableFacts, offered: Sequence[SampledColumn], mapped: set[str | None]) -> Iterator[DraftField]:
    names: set[str] = set()
    used = {*mapped, *facts.key.columns, *(facts.cursor.columns if facts.cursor else ())}
    for at, column in enumerate(offered, 1):
        if column.name in used:
            continue
        base = (slug(column.known_as) or f"column_{at}")[:_LONGEST_CUSTOM].strip("_")
        name = next(one for one in (base, *(f"{base[:50]}_{number}" for number in range(2, 9999))) if one not in names)
        names.add(name)
        look = look_of(column) if column.values else None
        if look is None and needs_comma(column):
            options = (("type", "number"), ("decimal_separator", '","'))
            yield DraftField(f"custom_{name}", column.name, "its texts look like 1.234,50", options)
        elif look is not None and column.kind in ("text", None) and is_called(column, look):
            yield DraftField(f"custom_{name}", column.name, f"its values look like {look}", (("type", look),))
        else:
            yield DraftField(f"custom_{name}", column.name, column.kind or "")


def _is_naive(facts: TableFacts, fields: Sequence[DraftField]) -> bool:
    cursor = set(facts.cursor.columns) if facts.cursor else set()
    times = cursor | {
        name for one in fields if FIELDS[one.name].type == "datetime" for name in (one.column, *one.further)
    }
    mapped = cursor | {name for one in fields for name in (one.column, *one.further)}
    # Texts that are used as times may lack a zone too.
    return any(
        one.kind == "datetime" or (one.kind in ("text", None) and one.name in times)
        for one in facts.columns
        if one.name in mapped
    )


def with_stand_in(draft: Draft) -> Draft:
    """`draft` with its stand-in for an identity as a field, as if a person had decided for it."""
    if draft.stand_in is None:
        return draft
    return replace(draft, fields=(draft.stand_in, *draft.fields), stand_in=None)

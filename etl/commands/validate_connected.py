"""Checks of a mapping that need the database or the account: `validate --connect`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from etl.api.client import ApiClient
from etl.api.credentials import CredentialOutcome
from etl.clock import Clock
from etl.commands.hints import name_api
from etl.commands.validate import Remark, unset_access
from etl.commands.wiring import shared_budget
from etl.delivery.throttle import Budget
from etl.errors import EtlError, SourceFailed, StoppedEarly
from etl.host.system_clock import SystemClock
from etl.job.account_needs import FieldToCreate, fields_to_create, needs
from etl.job.sample import SAMPLED_ROWS, failing_fields, implausible_fields
from etl.mapping.model import Mapping
from etl.source.open import open_source
from etl.source.place import at_key
from etl.source.source import Source
from etl.state.store import on_server, open_state
from etl.transform.transformer import Transformer

# How many seconds to wait at most for the rate that is shared with runs.
_PATIENCE_SECONDS = 30.0
_SAID = (CredentialOutcome.VERIFIED, CredentialOutcome.REFUSED, CredentialOutcome.UNCLEAR)


@dataclass(slots=True)
class Told:
    """What was found out; fields as those of `Report`."""

    remarks: list[Remark] = field(default_factory=list)
    reading: str = ""
    key: str = ""
    to_create: list[FieldToCreate] = field(default_factory=list)


def connected(mapping: Mapping, *, state: str) -> Told:
    """Ask the database and the account of `mapping`; their failures are remarks.

    state: where runs keep theirs, a path or a URL; those that share one on a server share a rate and its pauses there.
    """
    told, ways = Told(), list[str]()
    told.remarks += _database(mapping, ways, told.to_create)
    told.reading = "".join(ways)
    if unset := list(unset_access(mapping.destination)):
        words = "is not set here, so the API was not asked whether it knows the key"
        hint = "set it, and ask again; without --connect neither account nor key is needed"
        told.remarks += [Remark("error", f"{one} {words}", hint, code=2) for one in unset]
        return told
    told.key, remarks = _credentials(mapping, state)
    told.remarks += remarks
    return told


def _database(mapping: Mapping, ways: list[str], to_create: list[FieldToCreate]) -> Iterator[Remark]:
    try:
        source = open_source(mapping, clock=SystemClock())
    except EtlError as error:
        yield Remark("error", error.message, error.hint, code=error.exit_code)
        return
    ways.append(source.reading)
    refused = False
    try:
        for finding in source.preflight(mapping):
            code = 2 if finding.level == "error" else 0
            refused = refused or code != 0
            yield Remark(finding.level, _placed(source, finding.path, finding.message), finding.hint, code=code)
        if not refused:
            yield from _sampled(mapping, source, to_create)
    except EtlError as error:
        yield Remark("error", error.message, error.hint, code=error.exit_code)
    finally:
        source.close()


def _sampled(mapping: Mapping, source: Source, to_create: list[FieldToCreate]) -> Iterator[Remark]:
    today = SystemClock().utc_now().date()
    transform = Transformer(mapping, source.columns, source.child_columns, today=today)
    try:
        page = source.sample(SAMPLED_ROWS)
    except SourceFailed as error:
        words = f"the newest rows were not looked at: {error.message}"
        yield Remark("warning", _placed(source, "fields", words), error.hint)
        return
    sampled = transform(page)
    to_create.extend(fields_to_create(mapping, sampled))
    for need in needs(mapping, sampled):
        yield Remark("warning", _placed(source, need.place, need.words), need.hint)
    for name, words in implausible_fields(page, transform, mapping, today=today):
        hint = "look at them: preview; is this the right column, and source.timezone the right zone?"
        text = _placed(source, f"fields.{name}", f"of the newest {len(page.rows)} rows, {words}")
        yield Remark("warning", text, hint)
    for one in failing_fields(page, transform, max_failure_rate=mapping.max_failure_rate):
        fate = "invalid" if one.invalid else f"sent without {one.field}"
        text = f"{one.rows} of the newest {one.sampled} rows would be {fate}: {one.code}, {one.words}"
        text = _placed(source, f"fields.{one.field}", text) if one.field in mapping.fields else text
        if one.stops:
            yield Remark("error", text, "more than max_failure_rate: a run would stop; preview --invalid shows them", 2)
        else:
            yield Remark("warning", text, "preview --invalid shows them")


def _placed(source: Source, path: str, words: str) -> str:
    """`words` with their place in the mapping's file. No part of a path holds a dot."""
    return at_key(source.parts.plan, tuple(path.split(".")), words)


def _wait_for_turn(budget: Budget, clock: Clock) -> None:
    while (wait := budget.take(events=0, now=clock.monotonic())) > 0:
        if wait > _PATIENCE_SECONDS:
            raise StoppedEarly(
                f"checking the credentials at {{api}}: not asked, because the API wants {wait:.0f} s of silence",
                hint="a run was told to wait so long; check again afterwards",
            )
        clock.wait(wait)


def _credentials(mapping: Mapping, state: str) -> tuple[str, list[Remark]]:
    """What the API says of the key (right, wrong, unclear, or "" when it did not say), and the remarks on it."""
    clock = SystemClock()
    try:
        with ExitStack() as stack:
            # Only looked at: it is neither made nor brought up to date here.
            store = stack.enter_context(open_state(state, clock=clock, write=False)) if on_server(state) else None
            budget = stack.enter_context(closing(shared_budget(mapping.destination, store, clock=clock)))

            def keep_silent(seconds: float) -> None:
                budget.pause_until(clock.monotonic() + seconds)

            client = stack.enter_context(closing(ApiClient(mapping.destination, clock=clock, keep_silent=keep_silent)))
            _wait_for_turn(budget, clock)
            check = client.verify_credentials()
    except EtlError as error:
        name_api(error, mapping.destination)
        return "", [Remark("error", error.message, error.hint, code=error.exit_code)]
    if check.error is not None:
        name_api(check.error, mapping.destination)
    said = check.outcome.value if check.outcome in _SAID else ""
    if check.outcome is CredentialOutcome.UNCLEAR and check.error is not None:
        return said, [Remark("warning", check.error.message, check.error.hint)]
    if check.error is not None:
        return said, [Remark("error", check.error.message, check.error.hint, code=check.error.exit_code)]
    return said, []

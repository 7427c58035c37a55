"""Erases a person: from now on no event of this state holds one of these identities, and a dated receipt says so.

The rule: no identity is shown, not even in the receipt; only keyed hashes are stored. A run under way need not be
waited for, because it checks each request just before it leaves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import click

from etl.checkpoint import DEFAULT_STATE
from etl.commands.advice import NextStep, shell_line, shown
from etl.commands.loading import load
from etl.commands.suppression_file import read_suppressions, refuse_to_lose, write_suppressions
from etl.errors import StateUnusable, UsageProblem
from etl.event.identities import identities_of
from etl.host.system_clock import SystemClock
from etl.mapping.model import Mapping
from etl.page import Key
from etl.screen.json_line import json_line
from etl.screen.layout import labelled, paint, plain
from etl.screen.wording import counted
from etl.secret import shown_account
from etl.state.store import StateStore, open_state
from etl.transform.email import normal_email
from etl.transform.problem import RefusedValueError
from etl.transform.text import clean_text

TRACKS = ("run", "backfill")
_IN_THE_ACCOUNT = "the receiver still has the profile: delete it in the account too"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetCall:
    """The options of `forget`, each with the default of its option."""

    emails: tuple[str, ...] = ()
    userids: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    export_to: Path | None = None
    import_from: Path | None = None
    state: str = DEFAULT_STATE
    output: str = "text"
    yes: bool = False

    def check(self, paths: Sequence[Path]) -> None:
        """Refuse options that do not go together. Raises `click.UsageError`."""
        people = self.emails or self.userids or self.keys
        files = [one for one in (self.export_to, self.import_from) if one is not None]
        if people and not files:
            if not paths:
                raise click.UsageError("--email, --userid and --key need MAPPING…: whose account is it about?")
            if self.keys and (len(paths) > 1 or paths[0].is_dir()):
                raise click.UsageError("--key needs one mapping: the file whose row it is")
        elif len(files) != 1 or people:
            raise click.UsageError("say whom: --email, --userid or --key; or --export FILE, or --import FILE alone")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done. `emails`, `userids`: how many identities of each sort; `new`: of these not suppressed before.

    rows_found, rows_unknown: how many of the keys the source has, and how many neither the source nor the state knows.
    rows_nameless: how many of the found rows have no readable identity, so that they suppress none. under_way: the runs
    at work at that time, in words.
    """

    forgotten_at: datetime
    state: str
    state_made: bool
    mappings: tuple[str, ...]
    accounts: tuple[str, ...]
    emails: int
    userids: int
    new: int
    rows_found: int
    rows_unknown: int
    rows_nameless: int
    ledger_entries: int
    dead_letters: int
    hashes: tuple[str, ...]
    under_way: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The receipt as JSON-ready values."""
        return {
            "forgotten_at": self.forgotten_at.isoformat(timespec="seconds"),
            "state": self.state,
            "state_made": self.state_made,
            "mappings": list(self.mappings),
            "accounts": list(self.accounts),
            "suppressed": {"email": self.emails, "userid": self.userids, "new": self.new},
            "rows_found": self.rows_found,
            "rows_unknown": self.rows_unknown,
            "rows_nameless": self.rows_nameless,
            "ledger_entries": self.ledger_entries,
            "dead_letters": self.dead_letters,
            "hashes": list(self.hashes),
            "under_way": list(self.under_way),
        }


def forget(paths: tuple[Path, ...], call: ForgetCall) -> int:
    """Suppress the identities of `call`, or carry those of a state to a file and back; returns the exit code."""
    call.check(paths)
    if call.export_to is not None:
        return _export(call.export_to, call)
    if call.import_from is not None:
        return _import(call.import_from, call)
    emails, userids = _typed(call.emails), _typed(call.userids)
    if "-" in (*call.emails, *call.userids):
        _refuse_more_lines()
    call = replace(call, emails=emails, userids=userids)

    def ask(mappings: Sequence[Mapping], count: int) -> None:
        if not call.yes and sys.stdin.isatty():
            names = ", ".join(mapping.name for mapping in mappings)
            question = f"suppress what was named ({count:,}) for good, in the account of {names}?"
            click.confirm(question, abort=True, err=True)

    receipt = erase(paths, call, ask=ask)
    if call.output == "json":
        click.echo(json_line(receipt.as_dict()))
    else:
        click.echo(_text(receipt, call, asked_keys=len(set(call.keys))))
    # Such a row would be sent as soon as its address is corrected.
    return 3 if receipt.rows_nameless and not (call.emails or call.userids) else 0


def erase(
    paths: tuple[Path, ...], call: ForgetCall, *, ask: Callable[[Sequence[Mapping], int], None] = lambda _, __: None
) -> Receipt:
    """Suppress the identities of `call` in the accounts of the mappings in `paths`; `ask` may refuse by raising."""
    mappings = load(paths)
    emails = [_normal("--email", normal_email, text) for text in call.emails]
    userids = [_normal("--userid", clean_text, text) for text in call.userids]
    rows = _row(mappings[0], call.keys) if call.keys else _Rows()
    unknown = _unknown(mappings[0], rows, call.state)
    if unknown and unknown == len(rows.keys) and not emails and not userids:
        which = "no row with this key" if unknown == 1 else "no row with any of these keys"
        raise UsageProblem(
            f"{which} is known, neither to the source nor to the state: no identity was suppressed",
            hint="is it the right mapping, and the key as `explain` takes it? --email and --userid need no row",
        )
    identities = {*(f"e:{one}" for one in emails), *(f"u:{one}" for one in userids), *rows.identities}
    ask(mappings, len(identities))
    clock = SystemClock()
    with open_state(call.state, clock=clock, write=True) as store:
        now = clock.utc_now()
        # By account, because several mappings may share one.
        accounts = {mapping.destination.account: None for mapping in mappings}
        of_accounts = [store.suppressions(account) for account in accounts]
        new = sum(one.add(one.hashes(identities), now=now) for one in of_accounts)
        entries = letters = 0
        for mapping in mappings:
            erasing = store.mapping(mapping.name).erasing
            erased = erasing.erase({*rows.keys, *rows.spelt, *erasing.keys_with(_names(mapping, emails, userids))})
            entries, letters = entries + erased.ledger_entries, letters + erased.dead_letters
        return Receipt(
            forgotten_at=now,
            state=store.place,
            state_made=store.made,
            mappings=tuple(mapping.name for mapping in mappings),
            accounts=tuple(map(shown_account, accounts)),
            emails=sum(one.startswith("e:") for one in identities),
            userids=sum(one.startswith("u:") for one in identities),
            new=new,
            rows_found=rows.found,
            rows_unknown=unknown,
            rows_nameless=rows.nameless,
            ledger_entries=entries,
            dead_letters=letters,
            hashes=tuple(sorted(one.hex()[:16] for one in of_accounts[0].hashes(identities))),
            under_way=tuple(_under_way(store)),
        )


def _text(receipt: Receipt, call: ForgetCall, *, asked_keys: int) -> str:
    known = "" if receipt.new else "; all of them were suppressed before"
    sorts = [
        f"{count:,} of {sort}" for sort, count in (("email", receipt.emails), ("userid", receipt.userids)) if count
    ]
    what = f"{' and '.join(sorts)}, as keyed hashes: no run, backfill or retry sends them again{known}"
    rows = [
        ("suppressed", what if sorts else "nothing: no identity was found"),
        ("in account", ", ".join(receipt.accounts)),
        ("mappings", ", ".join(receipt.mappings)),
        ("removed", f"{receipt.ledger_entries:,} of the ledger, {counted(receipt.dead_letters, 'dead letter')}"),
        ("state", receipt.state + (", made just now: is it the right one?" if receipt.state_made else "")),
        ("receipt", " ".join(receipt.hashes)),
    ]
    if receipt.rows_unknown:
        words = f"{counted(receipt.rows_unknown, 'key')} of no row that the source or the state knows"
        rows.insert(1, ("not forgotten", words))
    if receipt.rows_nameless:
        words = f"{counted(receipt.rows_nameless, 'row')} without an address or user id that can be read"
        rows.insert(1, ("not suppressed", words))
    rows += [("under way", one) for one in receipt.under_way]
    steps = [NextStep(_IN_THE_ACCOUNT)]
    if gone := asked_keys - receipt.rows_found - receipt.rows_unknown:
        words = "the row is gone" if gone == 1 else f"{gone:,} rows are gone"
        steps.insert(0, NextStep(f"{words}, so the identities are not known: suppress them with --email or --userid"))
    if receipt.rows_nameless:
        words = "correct its address in the database and forget it again, or say whom: --email or --userid"
        steps.insert(0, NextStep(f"a row without an identity suppresses none: {words}"))
    if receipt.under_way:
        steps.insert(
            0, NextStep("a request that was leaving at that moment may have arrived: delete the profile after it")
        )
    export = shell_line("forget", "--export", "suppressed.json", state=call.state)
    steps.append(NextStep("keep what is suppressed beside your backups of the state", export))
    what_was_done = "forgotten" if sorts else "no identity was suppressed; what was known of the rows was removed"
    at = f"{what_was_done} at {receipt.forgotten_at:%Y-%m-%d %H:%M:%S} UTC"
    return paint(plain(at, "bold"), labelled(*rows), *shown(steps))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that were named by their `keys`, and the identities of those that the source has.

    gone: the keys that the source does not have. spelt: keys as the source spells them, if they were named in another
    spelling. nameless: how many of the rows have no readable identity.
    """

    keys: tuple[Key, ...] = ()
    gone: tuple[Key, ...] = ()
    spelt: tuple[Key, ...] = ()
    identities: frozenset[str] = frozenset()
    nameless: int = 0

    @property
    def found(self) -> int:
        return len(self.keys) - len(self.gone)


def _row(mapping: Mapping, keys: Sequence[str]) -> _Rows:
    from etl.source.open import open_source
    from etl.transform.transformer import Transformer

    clock = SystemClock()
    with open_source(mapping, clock=clock) as source:
        wanted = tuple(dict.fromkeys(source.parse_key(key) for key in keys))
        page = source.rows_by_key(wanted, ignore_where=True)
        transform = Transformer(mapping, source.columns, source.child_columns, today=clock.utc_now().date())
        columns = transform(page).columns if page.rows else {}
        there = {page.position(index).key for index in range(len(page.rows))}
        there |= {one.position.key for one in page.unreadable}
        # A database may find a row by another spelling of its key, so each such key is looked up by itself.
        gone = tuple(
            key for key in wanted if key not in there and not source.rows_by_key([key], ignore_where=True).count
        )
    whom = identities_of(columns.get("email"), columns.get("userid"), len(page.rows))
    spelt = tuple(there.difference(wanted))
    nameless = sum(not of_row for of_row in whom) + len(page.unreadable)
    return _Rows(wanted, gone, spelt, frozenset(one for of_row in whom for one in of_row), nameless)


def _unknown(mapping: Mapping, rows: _Rows, state: str) -> int:
    """How many keys of `rows` neither the source nor the state knows."""
    if not rows.gone:
        return 0
    with open_state(state, clock=SystemClock(), write=False) as store:
        erasing = store.mapping(mapping.name).erasing
        return sum(not erasing.knows(key) for key in rows.gone)


def _names(mapping: Mapping, emails: Iterable[str], userids: Iterable[str]) -> Callable[[Key], bool]:
    """Whether a key is itself one of these identities: where a table's key is the address or the user id."""
    rule = mapping.fields.get("userid")
    of_userid = [name in (rule.columns if rule else ()) for name in mapping.source.primary_key]
    addresses, ids = frozenset(emails), frozenset(userids)

    def wanted(key: Key) -> bool:
        texts = [str(part) for part in key]
        return any(
            text.strip().lower() in addresses or (is_id and text.strip() in ids)
            for text, is_id in zip(texts, of_userid, strict=False)
        )

    return wanted


def _under_way(store: StateStore) -> Iterable[str]:
    for name in store.names():
        for track in TRACKS:
            holder = store.mapping(name).holder(track)
            if holder is not None:
                yield f"the {track} of {name}, process {holder.pid} on {holder.host}: it sends no further event of them"


def _typed(texts: Sequence[str]) -> tuple[str, ...]:
    """What was given, - read from stdin."""
    return tuple(sys.stdin.readline() if text == "-" else text for text in texts)


def _refuse_more_lines() -> None:
    """Refuse a list of people where one is expected: the others of the list would stay, unnoticed."""
    if not sys.stdin.isatty() and sys.stdin.read().strip():
        raise UsageProblem(
            "stdin holds more lines than were asked for, so no identity was suppressed",
            hint="each - reads one line; call it once for each person: each has a receipt of its own",
        )


def _normal(option: str, normal: Callable[[str], str | None], text: str) -> str:
    try:
        found = normal(text)
    except RefusedValueError as problem:
        raise UsageProblem(f"{option}: {problem.words}", hint="the value as it is in the account") from None
    if not found:
        raise UsageProblem(f"{option}: the text is blank")
    return found


def _export(file: Path, call: ForgetCall) -> int:
    with _found_state(call) as store:
        # An export without a hash would replace the file of the right state.
        people = store.suppressed
        found = people.listed()
        refuse_to_lose(file, found, key=people.key_fingerprint, place=store.named, state=call.state)
        write_suppressions(file, found, key=people.key_fingerprint)
        shown = {"file": str(file), "written": len(found), "key": people.key_fingerprint, "state": store.place}
    _say(call, shown, f"{len(found):,} suppressed, as hashes of the key {shown['key']}, written to {file}")
    return 0


def _import(file: Path, call: ForgetCall) -> int:
    with _found_state(call) as store:
        # Checked before anything is written, because it may be the wrong state.
        found = read_suppressions(file, key=store.suppressed.key_fingerprint, place=store.named)
    with open_state(call.state, clock=SystemClock(), write=True) as store:
        new = store.suppressed.take_over(found)
        shown = {"file": str(file), "read": len(found), "new": new, "state": store.place}
    _say(call, shown, f"{len(found):,} suppressed read from {file}: {new:,} are new in {store.named}")
    return 0


@contextmanager
def _found_state(call: ForgetCall) -> Iterator[StateStore]:
    """The state, to look at. Raises `StateUnusable` where there is none: a new one has a key of its own."""
    with open_state(call.state, clock=SystemClock(), write=False) as store:
        if not store.found:
            raise StateUnusable(f"there is no state at {store.place}", hint="name it: --state PATH-OR-URL")
        yield store


def _say(call: ForgetCall, shown: dict[str, object], text: str) -> None:
    click.echo(json_line(shown) if call.output == "json" else paint(plain(text)))

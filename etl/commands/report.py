"""The report for a colleague: `--report FILE` of dry runs and of `preview`, as a page, Markdown or JSON.

The rule: values of rows and their keys are left out unless a person says --no-mask; no secret is ever in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from etl import __version__
from etl.commands.advice import MappingPlace, next_steps
from etl.commands.mapping_table import DescribedMapping, described
from etl.commands.preview import as_dict
from etl.commands.summary import WINDOW_COUNTS, counted_in_windows, figures, matters, reasons
from etl.errors import MappingInvalid, UsageProblem
from etl.event.encode import encode_event
from etl.event.masking import masked, masked_event
from etl.exact import parse_key_text, show_key
from etl.host.system_clock import SystemClock
from etl.host.whole_file import write_whole
from etl.job.outcome import ExampleEvent, Forecast, Outcome
from etl.job.preview import PreviewedRow
from etl.mapping.model import Mapping
from etl.mapping.problem_codes import PROBLEMS
from etl.report.document import Chapter, Header, Part, ReportDocument, Table, Todo
from etl.report.markdown import render_markdown
from etl.report.page import render_page
from etl.screen.cell import cell, readable
from etl.screen.json_line import harmless_json
from etl.screen.messages import tell
from etl.screen.wording import counted
from etl.secret import shown_account

_CODE, _ROWS = Header("Code", "code"), Header("Rows", "compared")


@dataclass(frozen=True, slots=True)
class _Looked:
    """What is known of one mapping: how its dry run ended, or the rows that were previewed."""

    mapping: Mapping
    outcome: Outcome | None
    rows: Sequence[PreviewedRow]
    described: DescribedMapping


class ReportFile:
    """Collects what was found and writes the file at the end. `state`: `--state`, for commands to copy."""

    def __init__(self, path: Path, *, masked: bool, state: str) -> None:
        self._path = path
        self._masked = masked
        self._state = state
        self._looked: list[_Looked] = []
        self._problems: tuple[str, ...] = ()

    def add(self, mapping: Mapping, outcome: Outcome | None, *, rows: Sequence[PreviewedRow] = ()) -> None:
        """Take in how the dry run of `mapping` ended, or the `rows` of its preview."""
        failed = outcome is not None and outcome.error is not None
        what = described(mapping, masked=self._masked, look=not failed)
        self._looked.append(_Looked(mapping, outcome, rows, what))

    def refused(self, error: MappingInvalid) -> None:
        """Take in that some files are no mappings."""
        self._problems = error.problems or (error.message,)

    def write(self) -> None:
        """Write the file, whole or not at all, for its owner only. Raises `UsageProblem`."""
        render: Callable[[], str] = {
            ".html": lambda: render_page(self._document()),
            ".md": lambda: render_markdown(self._document()),
            ".json": self._json,
        }[self._path.suffix]
        try:
            write_whole(self._path, render().encode())
        except OSError as error:
            raise UsageProblem(
                f"{self._path} cannot be written: {error.strerror}", hint="choose another place"
            ) from None
        tell(f"wrote {self._path}{', values masked' if self._masked else ', with values of rows: take care of it'}")

    def _document(self) -> ReportDocument:
        mappings = [one.mapping for one in self._looked]
        dry = [one.outcome.command for one in self._looked if one.outcome is not None]
        what = f"Dry {dry[0]}" if dry else "Preview"
        where = dict.fromkeys(f"{_host(one)}, account {shown_account(one.destination.account)}" for one in mappings)
        parts = [self._part(one) for one in self._looked]
        if self._problems:
            table = Table((Header("Problem"),), tuple((line,) for line in self._problems))
            section = Chapter("Correct these first", (table,))
            parts.append(Part("Files that are not right", "these mappings were not looked at", "bad", (section,)))
        return ReportDocument(
            title=f"{what} of {', '.join(one.name for one in mappings)}",
            facts=(
                ("Made at", f"{SystemClock().utc_now():%Y-%m-%d %H:%M:%S} UTC"),
                ("Events would go to", "; ".join(where)),
                (
                    "Values",
                    "masked; examples are stand-ins" if self._masked else "shown as they are: take care of them",
                ),
            ),
            parts=tuple(parts),
            foot=f"Made by squeezely-etl {__version__}. Nothing was sent.",
        )

    def _part(self, looked: _Looked) -> Part:
        verdict, good = _verdict(looked.outcome) if looked.outcome is not None else _verdict_on(looked.rows)
        sections = [*self._of_outcome(looked.outcome, looked.mapping)] if looked.outcome is not None else []
        sections += [*_mapping(looked), *_to_create(looked.described), *self._rows(looked.rows)]
        return Part(looked.mapping.name, verdict, "good" if good else "bad", tuple(sections))

    def _of_outcome(self, outcome: Outcome, mapping: Mapping) -> Iterator[Chapter]:
        place = MappingPlace(mapping.path, tuple(mapping.source.primary_key), self._state)
        if steps := next_steps(outcome, place, lambda _: None):
            yield Chapter("What to do next", (Todo(tuple((step.text, step.command) for step in steps)),))
        forecast = outcome.forecast
        if forecast is None:
            return
        shown = [one for one in figures(outcome) if matters(*one[:2])]
        rows = tuple((name, "?" if count is None else count, note) for name, count, note in shown if name != "requests")
        requests = [
            f"{counted(forecast.requests, 'request')}, {note}." for name, _, note in shown if name == "requests"
        ]
        yield Chapter("What a run would do", (Table((Header("What"), _ROWS, Header("Note")), rows), *requests))
        if forecast.guards:
            tripped = tuple((guard.name, guard.words) for guard in forecast.guards)
            yield Chapter("Guards that would stop it", (Table((Header("Guard", "code"), Header("Why")), tripped),))
        yield from _change(outcome, forecast)
        if found := outcome.books.changed_fields.most_common():
            yield Chapter("Changed events, by field", (Table((Header("Field", "code"), _ROWS), tuple(found)),))
        yield from self._events(forecast.shown)
        if problems := tuple(self._problems_of(outcome, forecast)):
            keys = () if self._masked else (Header("Keys", "code"),)
            columns = (_CODE, Header("Field", "code"), _ROWS, Header("It costs"), Header("What to do"), *keys)
            yield Chapter("Problems, and what to do", (Table(columns, problems),))
        if forecast.windows:
            yield Chapter(
                "Window by window", (_windows(forecast), "The rows of a line are the sum of its other counts.")
            )

    def _problems_of(self, outcome: Outcome, forecast: Forecast) -> Iterator[tuple[str | int | tuple[str, ...], ...]]:
        for code, count in reasons(outcome):
            keys = tuple(show_key(parse_key_text(key)) for key in forecast.examples.get(code, ()))
            yield (code, "", count, "the row", _remedy(code), *(() if self._masked else (keys,)))
        for (name, code), count in outcome.books.omitted.most_common():
            yield (code, name, count, "the field", _remedy(code), *(() if self._masked else ((),)))

    def _events(self, shown: Sequence[ExampleEvent]) -> Iterator[Chapter]:
        if not shown:
            return
        changed = any(one.kind == "changed" for one in shown)
        differs = (Header("Differs in", "code"),) if changed else ()
        keys = () if self._masked else (Header("Key", "code"),)
        rows = []
        for one in shown:
            content = masked_event(one.event) if self._masked else one.event
            fields = tuple(name if name in one.event else f"{name} (left out now)" for name in one.fields)
            lines = tuple(f"{name} = {cell(value)}" for name, value in content.items())
            key = () if self._masked else (show_key(parse_key_text(one.key)),)
            rows.append((one.kind, *key, *((fields,) if changed else ()), lines))
        table = Table((Header("Would be sent as"), *keys, *differs, Header("Event", "code")), tuple(rows))
        words = ("What a field held before is not known, because the ledger keeps hashes only.",) if changed else ()
        yield Chapter("Examples of events", (table, *words))

    def _rows(self, rows: Sequence[PreviewedRow]) -> Iterator[Chapter]:
        for number, row in enumerate(rows, 1):
            event = row.event or {}
            source = row.row
            if self._masked:
                event, source = masked_event(event), {name: masked(value) for name, value in source.items()}
            blocks: list[Table | str] = [
                Table(
                    (Header("Column", "code"), Header("In the database", "code")),
                    tuple((name, cell(value)) for name, value in source.items()),
                )
            ]
            if row.problems:
                columns = (_CODE, Header("Field", "code"), Header("Problem"), Header("What to do"))
                found = tuple((one.code, one.field, one.message, _remedy(one.code)) for one in row.problems)
                blocks.append(Table(columns, found))
            if row.event is None:
                blocks.append("There is no event: the row is invalid.")
            else:
                sent = tuple((name, cell(value)) for name, value in event.items())
                blocks.append(Table((Header("Field", "code"), Header("In the event", "code")), sent))
            yield Chapter(f"Row {number}" if self._masked else f"Row {show_key(row.key)}", tuple(blocks))

    def _json(self) -> str:
        content = {
            "made_at": SystemClock().utc_now().isoformat(),
            "version": __version__,
            "masked": self._masked,
            "mappings": [
                {
                    "mapping": one.mapping.name,
                    "file": str(one.mapping.path),
                    "destination": {
                        "host": _host(one.mapping),
                        "account": shown_account(one.mapping.destination.account),
                    },
                    "fields": [asdict(line) for line in one.described.lines],
                    "to_create": [each._asdict() for each in one.described.to_create],
                    **({"no_examples": one.described.trouble} if one.described.trouble else {}),
                    **(
                        {"rows": self._row_dicts(one)}
                        if one.outcome is None
                        else {"summary": self._summary(one.outcome)}
                    ),
                }
                for one in self._looked
            ],
            "problems": list(self._problems),
        }
        return harmless_json(encode_event(readable(content)).decode()) + "\n"

    def _row_dicts(self, looked: _Looked) -> list[dict[str, object]]:
        found = [as_dict(row, primary_key=looked.mapping.source.primary_key, mask=self._masked) for row in looked.rows]
        if self._masked:
            for one in found:
                one["key"] = masked(one["key"])
        return found

    def _summary(self, outcome: Outcome) -> dict[str, object]:
        found = outcome.as_dict()
        if outcome.forecast is not None:
            events = outcome.forecast.example_events(mask=self._masked)
            for example in (one for of_kind in events.values() for one in of_kind if self._masked):
                del example["key"]
            without_keys: dict[str, object] = {"examples": {}} if self._masked else {}
            found["forecast"] = {**outcome.forecast.as_dict(), **without_keys, "example_events": events}
        if self._masked:
            # A position may name a row by its key.
            del found["checkpoint"]
        return found


def _host(mapping: Mapping) -> str:
    return mapping.destination.host


def _remedy(code: str) -> str:
    known = PROBLEMS.get(code)
    return f"{known.meaning}; {known.remedy}" if known else ""


def _verdict(outcome: Outcome) -> tuple[str, bool]:
    """One sentence, and whether all is well."""
    forecast = outcome.forecast
    if outcome.error is not None:
        return f"not done: {outcome.error.message}", False
    if forecast is None:
        return "nothing was looked at", False
    events = f"{counted(forecast.events, 'event')} would be sent"
    if forecast.guards:
        return f"a guard would stop it, and nothing be sent; without it {events}", False
    if forecast.would_stop:
        return f"a run would stop: {counted(outcome.books.invalid, 'row')} of {outcome.books.read:,} are invalid", False
    if outcome.books.invalid:
        return f"{events}, {counted(outcome.books.invalid, 'row')} would be invalid", False
    return events, True


def _verdict_on(rows: Sequence[PreviewedRow]) -> tuple[str, bool]:
    invalid = sum(row.event is None for row in rows)
    return f"{counted(len(rows), 'row')} looked at, {invalid:,} of them invalid", not invalid


def _mapping(looked: _Looked) -> Iterator[Chapter]:
    forecast = looked.outcome.forecast if looked.outcome is not None else None
    rates = forecast.null_rates if forecast is not None else {}
    columns = (Header("Field", "code"), Header("From"), Header("Rule"), Header("Examples", "code"))
    absent = (Header("Events without it"),) if rates else ()
    rows = tuple(
        (line.field, line.origin, line.rule, line.examples, *((_share(rates.get(line.field)),) if rates else ()))
        for line in looked.described.lines
    )
    trouble = looked.described.trouble
    yield Chapter(
        "The mapping",
        (Table((*columns, *absent), rows), *((f"There are no examples: {trouble}",) if trouble else ())),
    )


def _change(outcome: Outcome, forecast: Forecast) -> Iterator[Chapter]:
    """What is mapped otherwise than by the last run that was done, and what that means for the events."""
    change = outcome.mapping_change
    if change is None:
        return
    kinds = (("added", change.added), ("removed", change.removed), ("changed", change.changed))
    rows = tuple((name, kind) for kind, names in kinds for name in names)
    words = []
    if forecast.by_mapping:
        of = counted(outcome.books.changed, "changed event")
        words.append(f"{forecast.by_mapping:,} of {of} would be sent only because the mapping changed.")
    if outcome.differing is not None:
        words.append(f"{counted(outcome.differing, 'accepted row')} would have another event by now.")
    elif outcome.command == "run":
        words.append("How many accepted rows would have another event takes longer to count: see what to do next.")
    yield Chapter(
        "The mapping changed since the last run", (Table((Header("Part", "code"), Header("How")), rows), *words)
    )


def _windows(forecast: Forecast) -> Table:
    names = counted_in_windows(forecast)
    columns = (Header("Window"), _ROWS, *(Header(WINDOW_COUNTS[name].capitalize(), "compared") for name in names))
    rows = ((one.label, one.rows, *(getattr(one, name) for name in names)) for one in forecast.windows)
    return Table(columns, tuple(rows))


def _share(rate: float | None) -> str:
    if not rate:
        return ""
    return f"{rate:.0%}" if rate >= 0.01 else "under 1%"


def _to_create(what: DescribedMapping) -> Iterator[Chapter]:
    if what.to_create:
        columns = (Header("Field", "code"), Header("Kind"), Header("Such as", "code"))
        yield Chapter(
            "Fields to create in the account",
            ("An account drops a custom field that it does not have, without a word.", Table(columns, what.to_create)),
        )

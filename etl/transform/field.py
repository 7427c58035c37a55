"""One field of the event: a chain of column operations, from the row's columns to what is sent.

The order, which people rely on:

1.  source: the column, the constant, the template, or the parent's column. An empty text counts as missing
    (`empty: omit`), and before steps a text loses the white space around it, which is no part of it: ` x` and `x` have
    one hash. A template is missing when all its parts are; that of an identity or an orderid when one is.
2.  `transform`, in order. Before the first step, a field that is a text for the receiver (text, phone, language,
    currency, country, gender) makes numbers, dates and the like a text; a text stays the text it is, so that steps can
    mend what the type could not read: `{type: number, transform: ["replace(',', '.')"]}`. `sha256` has the type applied
    first, so that an address is trimmed, lower-cased and checked before it is hashed.
3.  `map`.
4.  `type`: the value is brought to the type's one form, or is a problem. After `sha256` and `date(…)` the value is
    a text as it stands, but where the receiver asks for another form: a birthdate's `date('%Y')` is a problem.
5.  `default`, where the value is missing (also when a step or the type left nothing). A wrong value is not missing.
6.  `required`.

The type checks whatever steps and map produced; a value that is already right passes all stages unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from etl.mapping.catalogue import UNIQUE_FIELDS
from etl.mapping.field_rule import FieldRule
from etl.mapping.template import Placeholder, parse_template
from etl.page import UNDECODABLE, Undecodable
from etl.transform.apply import Rule, settle
from etl.transform.birthdate import Birthdates
from etl.transform.cells import Cells, is_blank, show_something
from etl.transform.frame import Frame
from etl.transform.own_step import OwnStepRule, OwnSteps
from etl.transform.problem import NOT_DECODED, DoubtfulValueError, Findings, Problem, RefusedValueError
from etl.transform.rules import rule_for
from etl.transform.steps import step_rule
from etl.transform.text import AsTextRule
from etl.transform.value_map import MapRule, NamedValues
from etl.transform.zone import LocalTime

# Types that are texts for the receiver, so that their numbers are made texts before steps.
_TEXTUAL = frozenset({"text", "phone", "language", "currency", "country", "gender"})
# Types that recognise many spellings, so that `map` need hold only the exceptions.
_UNDERSTANDING = frozenset({"language", "currency", "country", "gender", "yes_no", "boolean"})
# Steps whose result the type does not convert.
_FINAL_STEPS = frozenset({"sha256", "date"})
# Types of the receiver (None: a custom field) that accept such a text.
_AS_IT_STANDS = frozenset({None, "text", "email"})
# Steps that need the value itself, not its text.
_NEEDS_A_VALUE = frozenset({"date", "round", "scale", "hex"})

Watch = Callable[[str, Cells], None]


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A field's values by row (None = left out), whether none is left out, and what is wrong with some."""

    column: list[Any]
    complete: bool
    problems: list[Problem]


class Field:
    """The compiled chain of one field.

    `type_name` is the declared type, or the receiver's, or None. `kinds` are those of the columns that the rule's
    `column`, `template` or `parent` can name. `rejects`: a wrong value makes the row invalid; otherwise it leaves the
    field out. `receiver_type`: the type by which the receiver knows the field.
    """

    def __init__(  # noqa: PLR0913 - what a mapping says of a field
        self,
        name: str,
        rule: FieldRule,
        *,
        type_name: str | None,
        kinds: Mapping[str, str | None],
        zone: LocalTime,
        rejects: bool,
        digits: Mapping[str, int] = MappingProxyType({}),
        own_steps: OwnSteps = MappingProxyType({}),
        today: date | None = None,
        receiver_type: str | None = None,
    ) -> None:
        self.name = name
        self._rejects = rejects
        self.rule = rule
        self.constant = rule.value is not None
        self._reading = _reading(rule, kinds, digits, zone)
        steps = [one.name for one in rule.transform]
        stands = receiver_type in _AS_IT_STANDS and _FINAL_STEPS.intersection(steps)
        final_type = "text" if stands else type_name
        if rule.template is not None and final_type is None:
            final_type = "text"
        self._final = self._reading.rule_for(final_type)
        if name == "birthdate" and final_type == "date":
            self._final = Birthdates(self._final, today=today)
        if rule.map is not None:
            self._final = NamedValues(self._final, rule.map.values())
        self._stages = list(_stages(rule, type_name, self._reading, own_steps))
        self._stages.append((f"type {final_type}" if final_type else "value", self._final))
        self._keep_empty = rule.empty == "keep"
        self._template = () if rule.template is None else parse_template(rule.template)
        self._format = "".join(map(_formatted, self._template))
        # Otherwise all rows that lack the same part would become one person.
        self._enough = all if name in UNIQUE_FIELDS else any
        self._texts = {
            name: rule_for("text", kind=kind, zone=zone, digits=digits.get(name)) for name, kind in kinds.items()
        }
        self._any_text = rule_for("text", kind=None, zone=zone)
        self._default, self._default_fault = self._finished(rule.default)

    @property
    def source(self) -> str:
        """Where the value comes from, for people."""
        rule = self.rule
        if rule.columns:
            return f"column {' or '.join(rule.columns)}"
        if rule.parent is not None:
            return f"parent column {rule.parent}"
        return "constant" if rule.template is None else f"template {rule.template}"

    def run(self, frame: Frame, watch: Watch | None = None) -> FieldValues:
        """The field of every row of `frame`; `watch` sees the column after each stage."""
        findings = Findings()
        if self.constant:
            # A constant is converted once, for all rows.
            cells = self._through(Cells([self.rule.value]), findings, watch).repeated(frame.length)
            findings = _repeated(findings, frame.length)
        else:
            cells = self._through(self._read(frame, findings), findings, watch)
        cells = self._with_default(cells, findings)
        if findings.faults:
            cells = Cells([None if row in findings.faults else value for row, value in enumerate(cells.items)])
        if watch is not None and self.rule.default is not None:
            watch("default", cells)
        return FieldValues(cells.items, not cells.has_missing, self._problems(cells, findings))

    def _read(self, frame: Frame, findings: Findings) -> Cells:
        rule = self.rule
        if rule.columns:
            return _decoded(frame.first_present(rule.columns, keep_empty=self._keep_empty), findings)
        if rule.parent is not None:
            return _decoded(frame.column(parent_column(rule.parent)), findings)
        texts = [
            settle(frame.column(part.column), self._texts.get(part.column, self._any_text), findings)
            for part in self._template
            if isinstance(part, Placeholder)
        ]
        if not any(cells.has_missing or "" in cells.items for cells in texts):
            fill = self._format.format
            return Cells(list(map(fill, *[cells.items for cells in texts])))
        return Cells([self._filled(parts) for parts in zip(*[cells.items for cells in texts], strict=True)])

    def _with_default(self, cells: Cells, findings: Findings) -> Cells:
        if not cells.has_missing or self.rule.default is None:
            return cells
        if self._default_fault is None:
            default = self._default
            return Cells([default if value is None else value for value in cells.items])
        missing = (row for row, value in enumerate(cells.items) if value is None and row not in findings.faults)
        findings.faults.update(dict.fromkeys(missing, self._default_fault))
        return cells

    def _filled(self, parts: tuple[Any, ...]) -> str | None:
        if not self._enough(parts):
            return None
        values = iter(parts)
        text = "".join([(next(values) or "") if isinstance(part, Placeholder) else part for part in self._template])
        # A missing part must not leave a double space.
        return text if all(parts) else " ".join(text.split())

    def _through(self, cells: Cells, findings: Findings, watch: Watch | None) -> Cells:
        if watch is not None:
            watch("source", cells)
        if self.rule.transform:
            cells = _trimmed(cells)
        # Without other stages the type handles blank texts itself.
        cells = self._without_blank(cells) if len(self._stages) > 1 else self._without_empty(cells)
        for name, rule in self._stages:
            settled = settle(cells, rule, findings)
            cells = cells if settled is cells else self._without_empty(settled)
            if watch is not None:
                watch(name, cells)
        return cells

    def _without_blank(self, cells: Cells) -> Cells:
        if self._keep_empty or str not in cells.kinds:
            return cells
        if cells.kinds == {str} and show_something(cells.present()):
            return cells
        return Cells([None if is_blank(value) else value for value in cells.items])

    def _without_empty(self, cells: Cells) -> Cells:
        # A shortcut: usually no value is empty, zero or missing, and `all` finds that in two thirds of the time.
        if self._keep_empty or str not in cells.kinds or all(cells.items) or "" not in cells.items:
            return cells
        return Cells([None if isinstance(value, str) and not value else value for value in cells.items])

    def _finished(self, default: object) -> tuple[object, tuple[str, str] | None]:
        if default is None:
            return None, None
        try:
            return self._final.value(default), None
        except DoubtfulValueError as doubt:
            return doubt.taken, None
        except RefusedValueError as refused:
            return None, (refused.code, f"the default is wrong: {refused.words}")

    def _problems(self, cells: Cells, findings: Findings) -> list[Problem]:
        fatal = self._rejects
        problems = [
            Problem(row, self.name, *found, fatal=fatal, omitted=not fatal) for row, found in findings.faults.items()
        ]
        problems += [
            Problem(row, self.name, *found, fatal=False)
            for row, found in findings.doubts.items()
            if row not in findings.faults
        ]
        if self.rule.required and cells.has_missing:
            words = "the field is required, and has no value"
            problems += [
                Problem(row, self.name, "missing_required", words)
                for row, value in enumerate(cells.items)
                if value is None and not (fatal and row in findings.faults)
            ]
        return problems


def _decoded(cells: Cells, findings: Findings) -> Cells:
    """`cells` without values that the driver could not decode; each becomes a fault of its row."""
    if Undecodable not in cells.kinds:
        return cells
    wrong = [row for row, value in enumerate(cells.items) if value is UNDECODABLE]
    findings.faults.update(dict.fromkeys(wrong, NOT_DECODED))
    return Cells([None if value is UNDECODABLE else value for value in cells.items])


def _trimmed(cells: Cells) -> Cells:
    """`cells` whose texts, those in lists too, have no white space around them; lists lose their blank texts."""
    if cells.kinds.isdisjoint((str, list)):
        return cells
    # Most columns hold texts alone.
    strip = str.strip if cells.kinds == {str} and not cells.has_missing else _without_outer_space
    trimmed = list(map(strip, cells.items))
    return cells if trimmed == cells.items else Cells(trimmed)


def _without_outer_space(value: Any) -> Any:  # noqa: ANN401  # any value of a column
    # Not `isinstance`: broken JSON is a subclass of str that keeps what is wrong with it.
    if type(value) is str:
        return value.strip()
    if isinstance(value, list):
        return [_without_outer_space(one) for one in value if not is_blank(one)]
    return value


def _formatted(part: str | Placeholder) -> str:
    return "{}" if isinstance(part, Placeholder) else part.replace("{", "{{").replace("}", "}}")


def parent_column(name: str) -> str:
    """How a frame of products names the column `name` of the row that they belong to."""
    return f"parent {name}"


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the values of a field's source are to be read."""

    kind: str | None
    zone: LocalTime
    digits: int | None
    decimal_separator: str

    def rule_for(self, type_name: str | None) -> Rule:
        return rule_for(
            type_name,
            kind=self.kind,
            zone=self.zone,
            digits=self.digits,
            decimal_separator=self.decimal_separator,
        )


def _reading(rule: FieldRule, kinds: Mapping[str, str | None], digits: Mapping[str, int], zone: LocalTime) -> _Reading:
    names = rule.columns or (() if rule.parent is None else (rule.parent,))
    found = {(kinds.get(name), digits.get(name)) for name in names}
    # Columns of several kinds: each value is read by its own type.
    kind, width = found.pop() if len(found) == 1 else (None, None)
    return _Reading(kind, zone, width, rule.decimal_separator)


def _stages(rule: FieldRule, type_name: str | None, reading: _Reading, own_steps: OwnSteps) -> list[tuple[str, Rule]]:
    stages: list[tuple[str, Rule]] = []
    if rule.transform and type_name in _TEXTUAL and rule.transform[0].name not in (_NEEDS_A_VALUE | set(own_steps)):
        stages.append(("as text", AsTextRule(reading.rule_for("text"))))
    for step in rule.transform:
        if step.name == "sha256" and type_name is not None:
            stages.append((f"type {type_name}", reading.rule_for(type_name)))
        own = own_steps.get(step.name)
        made = (
            step_rule(
                step, zone=reading.zone, kind=reading.kind, type_name=type_name, separator=reading.decimal_separator
            )
            if own is None
            else OwnStepRule(step.name, own)
        )
        stages.append((_shown(step.name, step.arguments), made))
    if rule.map is not None:
        understood = reading.rule_for(type_name) if type_name in _UNDERSTANDING else None
        stages.append(("map", MapRule(rule.map, kind=reading.kind, understood=understood)))
    return stages


def _shown(name: str, arguments: Sequence[object]) -> str:
    return f"{name}({', '.join(map(repr, arguments))})" if arguments else name


def _repeated(findings: Findings, length: int) -> Findings:
    return Findings(
        *(dict.fromkeys(range(length), found[0]) if found else {} for found in (findings.faults, findings.doubts))
    )

"""Steps of `transform` as text, `truncate(20)`, and what each takes.

The list is closed and each step has its own parameters; there is no expression language (F13).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from etl.mapping.nearest import did_you_mean

DATE_DIRECTIVES = "%Y %m %d %H %M %S %y %b %B %a %A %j %e %%"

_CALL = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\((.*)\))?\s*", re.DOTALL)
_ARGUMENT = re.compile(r"""\s*(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([^,'"]*))\s*(,|$)""", re.DOTALL)
_INTEGER = re.compile(r"\d{1,6}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_LONGEST_STEP = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name and its arguments, text or int as its parameters say."""

    name: str
    arguments: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a step. `lowest`/`highest` bound an int; a text may be empty only if `may_be_empty`."""

    name: str
    type: Literal["text", "integer", "decimal"]
    lowest: int = 0
    highest: int = 0
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class StepRule:
    """What a step does, for people, its parameters in order, and an example."""

    what: str
    example: str
    parameters: tuple[Parameter, ...] = ()


STEPS: Mapping[str, StepRule] = MappingProxyType(
    {
        "strip": StepRule("removes white space at both ends", "strip"),
        "clean": StepRule(
            "drops control characters, and repairs those of Windows texts that were read as Latin-1", "clean"
        ),
        "lower": StepRule("makes every letter lower case", "lower"),
        "upper": StepRule("makes every letter upper case", "upper"),
        "title": StepRule(
            "capitals as in names, in words all upper or all lower case: Anne-Marie, O'Neill, Jan van den Berg",
            "title",
        ),
        "squeeze_spaces": StepRule("makes every run of white space one space, and strips", "squeeze_spaces"),
        "sha256": StepRule("the SHA-256 of the UTF-8 text as lower-case hex; an e-mail already hashed stays", "sha256"),
        "digits": StepRule("keeps the digits 0-9 only", "digits"),
        "truncate": StepRule(
            "keeps the first n characters", "truncate(100)", (Parameter("n", "integer", lowest=1, highest=100_000),)
        ),
        "round": StepRule(
            "rounds a number to n decimals, halves away from zero",
            "round(2)",
            (Parameter("n", "integer", lowest=0, highest=20),),
        ),
        "scale": StepRule(
            "multiplies a number, exact: scale(0.01) makes euros of cents",
            "scale(0.01)",
            (Parameter("factor", "decimal"),),
        ),
        "hex": StepRule("writes bytes as hexadecimal digits", "hex"),
        "split": StepRule(
            "splits a text at each separator into a list; parts are stripped, empty ones dropped",
            "split(';')",
            (Parameter("separator", "text"),),
        ),
        "replace": StepRule(
            "replaces each occurrence of a text by another",
            "replace('_', '-')",
            (Parameter("old", "text"), Parameter("new", "text", may_be_empty=True)),
        ),
        "date": StepRule(
            f"writes a date or datetime as text in a format of {DATE_DIRECTIVES}",
            "date('%Y-%m')",
            (Parameter("format", "text"),),
        ),
        "prefix": StepRule("puts a text before the value", "prefix('NL-')", (Parameter("text", "text"),)),
        "suffix": StepRule("puts a text after the value", "suffix(' EUR')", (Parameter("text", "text"),)),
    }
)


def parse_step(text: str) -> Step:
    """The step that `text` calls.

    Arguments are separated by commas; quotes ('…' or "…", doubled inside) keep spaces and commas.
    Raises ValueError, with a message for people, for an unknown step, a wrong number or a wrong type of arguments.
    """
    found = _CALL.fullmatch(text) if len(text) <= _LONGEST_STEP else None
    if found is None:
        raise ValueError(_not_a_step(text))
    name, inside = found[1], found[2]
    rule = STEPS.get(name)
    if rule is None:
        raise ValueError(f'"{name}" is not a step{did_you_mean(name, STEPS)}')
    arguments = () if inside is None or not inside.strip() else _split(name, inside)
    if len(arguments) != len(rule.parameters):
        count = len(rule.parameters)
        wanted = f"takes {count} argument{'s' * (count != 1)}, as in {rule.example}" if count else "takes no argument"
        raise ValueError(f"{name} {wanted}")
    return Step(name, tuple(_argument(name, p, a) for p, a in zip(rule.parameters, arguments, strict=True)))


def _not_a_step(text: str) -> str:
    if "(" in text and ")" not in text:
        return (
            "a parenthesis is missing; inside [ ] a comma ends an item, "
            "so write such a step in quotes: [\"replace('_', '-')\"]"
        )
    if ")" in text and "(" not in text:
        return "a parenthesis too many; inside [ ] write a step with a comma in quotes: [\"replace('_', '-')\"]"
    return f"expected a step, such as {STEPS['strip'].example} or {STEPS['truncate'].example}"


def _split(name: str, inside: str) -> tuple[str, ...]:
    arguments: list[str] = []
    at = 0
    while True:
        found = _ARGUMENT.match(inside, at)
        if found is None:
            raise ValueError(f"the arguments of {name} cannot be read; write texts in quotes, as in replace('_', '-')")
        single, double, bare, end = found.groups()
        if single is not None:
            arguments.append(single.replace("''", "'"))
        elif double is not None:
            arguments.append(double.replace('""', '"'))
        else:
            arguments.append(bare.strip())
        if not end:
            return tuple(arguments)
        at = found.end()


def _argument(name: str, parameter: Parameter, text: str) -> str | int:
    if parameter.type == "integer":
        number = int(text) if _INTEGER.fullmatch(text) else -1
        if not parameter.lowest <= number <= parameter.highest:
            limits = f"a whole number from {parameter.lowest} to {parameter.highest}"
            raise ValueError(f"{parameter.name} of {name} must be {limits}")
        return number
    if parameter.type == "decimal":
        if not _DECIMAL.fullmatch(text) or not any(one in "123456789" for one in text):
            raise ValueError(f"{parameter.name} of {name} must be a number such as 0.01, not 0")
        return text
    if not text and not parameter.may_be_empty:
        raise ValueError(f"{parameter.name} of {name} is empty; write it in quotes, as in {STEPS[name].example}")
    if name == "date":
        _check_date_format(text)
    return text


def _check_date_format(text: str) -> None:
    allowed = DATE_DIRECTIVES.split()
    for found in re.finditer(r"%.?", text, re.DOTALL):
        if found.group() not in allowed:
            raise ValueError(f'"{found.group()}" is not a directive of date; known: {DATE_DIRECTIVES}')
    if "%" not in text:
        raise ValueError("the format of date has no directive; write, for instance, date('%Y-%m-%d')")

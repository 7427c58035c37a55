"""Templates such as `{first_name} {last_name}`: columns in braces, nothing else.

The syntax is closed (F13): no format specifiers, attributes, indexes or expressions; `{{` and `}}` stand for braces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """The place of a column's value."""

    column: str


def parse_template(template: str) -> tuple[str | Placeholder, ...]:
    """The literal texts and placeholders of `template`, in order; neighbouring literals are one.

    Raises ValueError, with words for people, for unbalanced braces, an empty name, or one with `!`, `:`, `[` or `.`.
    """
    parts: list[str | Placeholder] = []
    for token in _TOKEN.finditer(template):
        text = token.group()
        if token[1] is not None:
            parts.append(Placeholder(_column(token[1])))
            continue
        if text in ("{", "}"):
            raise ValueError(f'unbalanced "{text}" at character {token.start() + 1}; write "{text * 2}" for a brace')
        literal = {"{{": "{", "}}": "}"}.get(text, text)
        if parts and isinstance(parts[-1], str):
            literal = parts.pop() + literal  # type: ignore[operator]  # the line above checked it
        parts.append(literal)
    return tuple(parts)


def template_columns(template: str) -> tuple[str, ...]:
    """The columns of `template`, each once, in order. Raises as `parse_template`."""
    names = (part.column for part in parse_template(template) if isinstance(part, Placeholder))
    return tuple(dict.fromkeys(names))


def _column(name: str) -> str:
    if not name.strip():
        raise ValueError("empty braces; write a column's name between them, as in {first_name}")
    if name != name.strip():
        raise ValueError(f'write "{{{name.strip()}}}" without spaces inside the braces')
    if odd := re.search(r"[!:.\[\](),|]", name):
        raise ValueError(f'"{odd.group()}" inside braces: only a column\'s name may stand there, as in {{first_name}}')
    return name

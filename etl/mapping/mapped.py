"""The parts of a mapping that decide what event a row becomes, as texts: when one differs, events may differ.

The rule: settings of speed, frequency or destination are no part, so changing them changes no event.
"""

from __future__ import annotations

import json

from etl.mapping.change import RESEND_IGNORES
from etl.mapping.field_rule import FieldRule
from etl.mapping.model import Mapping


def mapped_parts(mapping: Mapping) -> dict[str, str]:
    """By name the parts of `mapping` as texts, the fields of the event first; own steps are part of who uses them."""
    parts: dict[str, object] = {"event": mapping.event if isinstance(mapping.event, str) else mapping.event.columns}
    parts |= {name: _rule(rule, mapping) for name, rule in mapping.fields.items()}
    if mapping.products is not None:
        rules = {name: _rule(rule, mapping) for name, rule in mapping.products.fields.items()}
        parts["products"] = [mapping.products.model_dump(mode="python", exclude={"fields"}), rules]
    source = mapping.source
    parts |= {
        "on_invalid": mapping.on_invalid,
        RESEND_IGNORES: _ignored(mapping),
        "source.query": source.query,
        "source.where": source.where,
        "source.timezone": source.timezone,
    }
    return {
        name: json.dumps(part, default=str, sort_keys=True, ensure_ascii=False)
        for name, part in parts.items()
        if part is not None
    }


def _ignored(mapping: Mapping) -> list[str] | None:
    """The fields ignored when events are compared, as a text that does not depend on their order."""
    return sorted(set(mapping.resend_ignores)) or None if mapping.resend == "changed" else None


def _rule(rule: FieldRule, mapping: Mapping) -> list[object]:
    text: list[object] = [rule.model_dump(mode="python")]
    if any(step.name in mapping.own_steps for step in rule.transform):
        text.append(mapping.steps_text.decode(errors="replace"))
    return text

"""What `init` would write for a table, and whether that holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.drafting.choose import choose
from etl.drafting.look import look_at
from etl.drafting.write import write_mapping
from etl.host.system_clock import SystemClock
from etl.mapping.load import parse_mapping
from etl.mapping.model import Mapping
from etl.source.open import open_source
from etl.source.source_parts import PreflightFinding
from etl.transform.transformer import Transformer


@dataclass
class Drafted:
    """The text, the mapping it is, what `validate --connect` says, and what becomes of sampled rows.

    `share_valid` is the share of these that are `events`.
    """

    text: str
    mapping: Mapping
    findings: list[PreflightFinding]
    share_valid: float
    events: list[dict[str, Any]]

    @property
    def errors(self) -> list[PreflightFinding]:
        return [one for one in self.findings if one.level == "error"]

    def columns(self) -> dict[str, str | None]:
        return {name: rule.column for name, rule in self.mapping.fields.items()}


def draft_of(url: str, table: str) -> Drafted:
    text = text_of(url, table)
    mapping = mapping_of(text, url)
    with open_source(mapping, clock=SystemClock()) as source:
        findings = source.preflight(mapping)
        page = source.sample(500)
        events = Transformer(mapping, source.columns, source.child_columns)(page).events
    made = [event for event in events if event is not None]
    return Drafted(text, mapping, findings, len(made) / len(events) if events else 1.0, made)


def text_of(url: str, table: str, *, query: str | None = None) -> str:
    facts = look_at(url, table, query=query, clock=SystemClock())
    return write_mapping(facts, choose(facts), url="${SOURCE_DATABASE_URL}", url_reason="", look="")


def mapping_of(text: str, url: str) -> Mapping:
    environment = {"SOURCE_DATABASE_URL": url, "SQUEEZELY_ACCOUNT": "1", "SQUEEZELY_API_KEY": "key"}
    return parse_mapping(text.encode(), path=Path("drafted.yaml"), environment=environment, read_file=Path.read_bytes)

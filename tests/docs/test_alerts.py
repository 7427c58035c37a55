"""The alert rules of the pages: read by Prometheus' own checker where there is one, and about figures that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from etl.monitoring.metrics import HELP, PREFIX
from tests.docs.test_readme import blocks

RULES = next(text for text in blocks("yaml") if text.startswith("groups:"))
LABELS = {"instance", "mapping", "command", "outcome", "reason"}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES)["groups"]
    return list(group["rules"])


def test_every_figure_of_a_rule_is_written() -> None:
    for rule in rules():
        names = re.findall(rf"{PREFIX}\w+", rule["expr"])
        assert names, rule
        assert {name.removeprefix(PREFIX) for name in names} <= set(HELP), rule


def test_every_label_of_a_rule_is_one_of_ours() -> None:
    for rule in rules():
        text = rule["expr"] + rule["annotations"]["summary"]
        used = set(re.findall(r"(\w+)=\"", text)) | set(re.findall(r"\$labels\.(\w+)", text))
        used |= {label.strip() for group in re.findall(r"(?:by|on) \(([^)]*)\)", text) for label in group.split(",")}
        assert used <= LABELS, rule


def test_the_rules_cover_what_an_operator_has_to_know() -> None:
    """No success for 26 hours, failed runs, dead letters, lag."""
    text = " ".join(rule["expr"] for rule in rules())
    for name in ("last_success_timestamp_seconds", "last_run_exit_code", "open_dead_letters", "checkpoint_timestamp"):
        assert PREFIX + name in text
    assert "26 * 3600" in text


def test_prometheus_reads_the_rules(tmp_path: Path) -> None:
    """Without promtool (it comes with the whole server) the rules are at least rules by their shape."""
    program = shutil.which("promtool")
    if program is None:
        for rule in rules():
            assert {"alert", "expr", "annotations"} <= set(rule) <= {"alert", "expr", "for", "annotations"}
            assert rule["expr"].count("(") == rule["expr"].count(")")
        return
    (tmp_path / "rules.yml").write_text(RULES)
    subprocess.run([program, "check", "rules", "rules.yml"], cwd=tmp_path, check=True, capture_output=True)

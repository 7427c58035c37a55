"""axe-core in a tab: the rules of accessibility that a program can check."""

from __future__ import annotations

from importlib.resources import files

from tests.sandbox.chromium import Tab

# Fewer would mean that it did not look at the page.
_LEAST_PASSED = 12
_RUN = """
axe.run(document).then((found) => ({
  passed: found.passes.length,
  violations: found.violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target.join(" "))}`),
}))
"""


def violations(tab: Tab) -> list[str]:
    """What axe-core finds wrong with the page as it is now, each rule with the places."""
    tab.run(files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = tab.run(_RUN)
    assert found["passed"] >= _LEAST_PASSED, found
    return list(found["violations"])

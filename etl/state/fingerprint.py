"""What gives a checkpoint its meaning (which database, table, cursor, key), compared before it is used.

The rule: a checkpoint of another table is never applied; each difference is named (failure-modes D11, A27).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from etl.errors import StateUnusable


def fingerprint_text(fingerprint: Mapping[str, str]) -> str:
    """The text that is stored; it holds no secret because the source put none in."""
    return json.dumps(dict(fingerprint), sort_keys=True)


def confirm(stored: str, fingerprint: Mapping[str, str], *, mapping: str, place: str) -> None:
    """Raise `StateUnusable` naming every difference between what is stored and what the source is now."""
    before = json.loads(stored)
    differences = [
        f"{name} was {before.get(name, 'not set')}, is {fingerprint.get(name, 'not set')}"
        for name in sorted({*before, *fingerprint})
        if before.get(name) != fingerprint.get(name)
    ]
    if differences:
        raise StateUnusable(
            f"the checkpoint of {mapping} in {place} belongs to another source or account: {'; '.join(differences)}",
            hint="a rehearsal wants a state of its own (--state PATH); if rows and account are the same under another "
            f"name, `state set {mapping}` keeps the checkpoint; otherwise `state reset {mapping}` begins anew",
        )

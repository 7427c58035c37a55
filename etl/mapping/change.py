"""What changed in a mapping, by the names of its parts. Light to import, for `status`."""

from __future__ import annotations

from dataclasses import dataclass

# This part changes no field of an event, but makes each event count as changed.
RESEND_IGNORES = "resend_ignores"
_MOST_NAMES = 3
# Parts that are no field of the event, so their names do not tell which fields they change.
_WHOLE = ("on_invalid", "source.query", "source.timezone")


@dataclass(frozen=True, slots=True)
class MappingChange:
    """The parts of a mapping that were added, removed and changed since its last run that was done."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def words(self) -> str:
        """In one line: `added custom_shoe; changed email`."""
        kinds = (("added", self.added), ("removed", self.removed), ("changed", self.changed))
        return "; ".join(f"{kind} {_some(names)}" for kind, names in kinds if names)

    def explains(self, fields: tuple[str, ...]) -> bool:
        """Whether this change alone explains a difference in `fields` (empty: resent although no field differs)."""
        parts = {*self.added, *self.removed, *self.changed}
        if not fields:
            return RESEND_IGNORES in parts
        return not parts.isdisjoint(_WHOLE) or parts.issuperset(fields)

    def as_dict(self) -> dict[str, list[str]]:
        """As JSON-ready values."""
        return {"added": list(self.added), "removed": list(self.removed), "changed": list(self.changed)}


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def compared(before: dict[str, str], now: dict[str, str]) -> MappingChange | None:
    """What changed from the parts `before` to those of `now`; None when nothing did."""
    if before == now:
        return None
    return MappingChange(
        tuple(name for name in now if name not in before),
        tuple(name for name in before if name not in now),
        tuple(name for name in now if name in before and before[name] != now[name]),
    )

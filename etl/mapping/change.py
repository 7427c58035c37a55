"""What changed of what is mapped, by the names of its parts; light, because a look at a state needs no more."""

from __future__ import annotations

from dataclasses import dataclass

# The part that changes no field of an event, but by which each event counts as changed.
RESEND_IGNORES = "resend_ignores"
_MOST_NAMES = 3
# Parts that are no field of the event: what they change is not told by their names.
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
        """Whether a difference in `fields` comes from this change alone; in none where others are ignored."""
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

"""Names the state of a command if it is empty or new: its path may be mistyped, or relative to another folder."""

from __future__ import annotations

from etl.screen.messages import tell
from etl.state.store import StateStore


def tell_if_new(store: StateStore) -> None:
    """Name the state where there is none, or where it was made just now."""
    if not store.found:
        tell(f"there is no state at {store.place}: is it the right one?")
    elif store.made:
        tell(f"the state {store.place} was made just now and holds nothing yet: is it the right one?")

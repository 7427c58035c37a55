"""How a message names a key that a person typed: as it is, unless it looks like a secret typed by mistake."""

from __future__ import annotations

from etl.exact import is_misplaced, show_key, typed
from etl.mapping.model import Mapping
from etl.page import Key
from etl.secret import HIDDEN


def named_key(key: Key, mapping: Mapping) -> str:
    """`key` in words."""
    return show_key(shown_parts(key, mapping))


def shown_parts(key: Key, mapping: Mapping) -> Key:
    """The values of `key`, with words instead of those that are a URL with a user in it, or a secret of `mapping`."""
    secrets = (mapping.source.url.reveal(), mapping.destination.api_key.reveal())
    return tuple(HIDDEN if is_misplaced(part) or typed(part) in secrets else part for part in key)

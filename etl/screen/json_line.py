"""JSON for stdout and stderr, one object a line, that cannot control a terminal.

The rule: letters stay letters, whatever the language; control, bidirectional and unpaired characters are JSON's own
escapes, so that a reader of JSON gets them as they were (F15).
"""

from __future__ import annotations

import json
import unicodedata


def json_line(value: object) -> str:
    """`value` as one line of JSON; what JSON does not know, as its text."""
    return harmless_json(json.dumps(value, ensure_ascii=False, default=str))


def harmless_json(text: str) -> str:
    """JSON with escapes for what could drive a terminal or end a line."""
    if text.isascii():  # there JSON has escaped it already, but for the one control character that it allows
        return text.replace("\x7f", "\\u007f")
    return "".join(one if _harmless(one) else json.dumps(one)[1:-1] for one in text)


def _harmless(char: str) -> bool:
    return char == " " or (char != "\x7f" and unicodedata.category(char)[0] not in "CZ")

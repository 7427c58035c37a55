"""E-mail addresses as the receiver matches them: trimmed, NFC, lower case, the domain in ASCII; or the SHA-256 of one.

The rule: one pattern accepts ordinary addresses, which `email-validator` would accept unchanged; all others are given
to that library (syntax only, no DNS), without its limit on the length before the @. 64 hexadecimal digits are an
address already hashed; the hash of an empty text counts as missing.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from etl.mapping.hashed import HASHED
from etl.transform.cells import Cells, as_they_are
from etl.transform.problem import RefusedValueError
from etl.transform.text import clean_text
from etl.transform.title import lower

# Short enough for every limit of RFC 5321.
_LONGEST = 64
# Lower-case ASCII, no label with "--", nothing at a special-use top level (RFC 6761).
_ADDRESS = (
    r"[a-z0-9]++(?:[._+-][a-z0-9]++)*+@(?:[a-z0-9]++(?:-[a-z0-9]++)*+\.)+"
    r"(?!(?:arpa|invalid|local|localhost|onion|test)$)[a-z]{2,24}"
)
_ORDINARY = re.compile(rf"(?=.{{1,{_LONGEST}}}\Z)" + _ADDRESS.replace("$", r"\Z"))
# A whole column of such addresses of any length, one a line.
_ALL_ORDINARY = re.compile(rf"(?:{_ADDRESS}\n)*+", re.MULTILINE)
# The SHA-256 of an empty text: shops hash missing addresses too, and all those rows would become one person.
_NOTHING_HASHED = hashlib.sha256(b"").hexdigest()
_LONGEST_LOCAL_PART = 64
# Zero-width characters and the soft hyphen: what copying from a web page leaves behind.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


def normal_email(value: str) -> str | None:
    """The address in its one form; None for blank text. Raises RefusedValueError (invalid_email)."""
    text = lower(value.strip())
    if not text.isascii():
        text = lower(unicodedata.normalize("NFC", value.translate(_INVISIBLE).strip()))
    if not text or text == _NOTHING_HASHED:
        return None
    if _ORDINARY.fullmatch(text) or HASHED.fullmatch(text):
        return text
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - slow, and for odd addresses only

    try:
        checked = validate_email(text, check_deliverability=False)
    except (EmailNotValidError, UnicodeError):
        raise RefusedValueError("invalid_email", "the value is not an e-mail address") from None
    if len(checked.local_part.encode()) > _LONGEST_LOCAL_PART:
        raise RefusedValueError("invalid_email", "the value is not an e-mail address")
    # The domain as mail servers know it (xn--…): one address has one form, and one hash.
    return clean_text(f"{unicodedata.normalize('NFC', lower(checked.local_part))}@{checked.ascii_domain}")


class EmailRule:
    """Type email."""

    repeats = False

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Columns that need at most trimming and lower case; otherwise only the addresses that stay unchanged."""
        if cells.kinds != {str}:
            return None
        if not cells.has_missing:
            # The pattern fails at the first odd address.
            joined = "\n".join(map(str.strip, cells.items)).lower()
            texts = joined.split("\n")
            short = max(map(len, texts)) <= _LONGEST and len(texts) == len(cells.items)
            if short and joined.isascii() and _ALL_ORDINARY.fullmatch(joined + "\n"):
                return (cells.items if texts == cells.items else texts), ()
        return as_they_are(cells, _ORDINARY)

    def value(self, value: object) -> object:
        """Raises RefusedValueError (invalid_email)."""
        if not isinstance(value, str):
            raise RefusedValueError("invalid_email", f"a value of type {type(value).__name__} is not an e-mail address")
        return normal_email(value)

"""A value that no output may show: passwords, keys, database URLs.

Whatever prints, formats, logs or pickles a `Secret` gets `********` or an error; only `reveal()` gives the value (F2).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import NoReturn

MASK = "********"
HIDDEN = "(not shown)"

# The form of the vendor's account ids. Anything else is masked: account and key may have been swapped.
_ACCOUNT = re.compile(r"(?:[A-Za-z]{1,4}-)?[0-9]{1,12}", re.ASCII)
_NAME = re.compile(r"(?:[^\W\d][\w$]{0,62})(?:\.[^\W\d][\w$]{0,62}){0,2}")
_MOMENT = re.compile(r"[\d:., +TZ/-]{1,40}")
_PATH = re.compile(r"[\w./ ()+~-]+")
_SECRET_VARIABLE = re.compile("KEY|TOKEN|SECRET|PASS|PW$|CREDENTIAL|AUTH|URL|DSN|PING|NOTIFY", re.IGNORECASE)
_SHORTEST_PART = 6
_LONGEST_PLAIN_NAME = 10
_FEW_DIGITS = 4


class Secret:
    """Holds one secret text. Equal by value; every text form is the mask; it cannot be pickled or copied to disk."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The secret itself. Call it at the last moment, and give the result to nothing that keeps or prints it."""
        return self.__value

    def __str__(self) -> str:
        """The mask."""
        return MASK

    def __repr__(self) -> str:
        """The mask."""
        return MASK

    def __format__(self, format_spec: str) -> str:
        """The mask, whatever the format."""
        return MASK

    def __eq__(self, other: object) -> bool:
        """Equal values, compared in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        """By value, as equality is."""
        return hash((Secret, self.__value))

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refused: a pickle would hold the value."""
        raise TypeError("a Secret cannot be pickled")

    def __copy__(self) -> Secret:
        """Itself: it never changes."""
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        """Itself: it never changes."""
        return self


def shown_account(account: str) -> str:
    """`account` where it looks like one, otherwise the mask."""
    return account if _ACCOUNT.fullmatch(account) else MASK


def shown_name(name: str) -> str:
    """`name` where it looks like that of a table, a column or a zone; otherwise words that say that it is not shown.

    For configured values that turned out to be wrong: a key or a URL may stand in a place that is not its own.
    """
    return name if is_plain_name(name) else HIDDEN


def shown_value(text: str) -> str:
    """`text`, quoted, if it looks like a number, a time or a word; otherwise words that say that it is not shown.

    For values that people typed: a URL may have been put in the place of one.
    """
    return f'"{text}"' if _MOMENT.fullmatch(text) or is_plain_name(text) else f"what was given {HIDDEN}"


def shown_path(path: str) -> str:
    """`path` where it looks like that of a file; otherwise words that say that it is not shown."""
    return path if _PATH.fullmatch(path) else HIDDEN


def variable_in(text: str, environment: Mapping[str, str]) -> str | None:
    """The variable of `environment` whose value `text` is, or holds where the variable is named like one of a secret.

    None: there is no such. For words that a person typed: a secret may have been put in the place of one.
    """
    for name, value in environment.items():
        parts = len(value) >= _SHORTEST_PART and _SECRET_VARIABLE.search(name) is not None
        if value and (value == text or (parts and value in text)):
            return name
    return None


def is_plain_name(text: str) -> bool:
    """Whether `text` is made like an identifier and not like a key: few digits, or short and of one case."""
    if not _NAME.fullmatch(text):
        return False
    digits = sum(one.isdigit() for one in text)
    mixed = text != text.lower() and text != text.upper() and digits > 1
    return digits <= _FEW_DIGITS and not (mixed and len(text) > _LONGEST_PLAIN_NAME)


def holds_stray_at(url: str, *, has_user: bool) -> bool:
    """Whether `url` contains an `@` in a wrong place, so that no parser knows where its password ends.

    has_user: whether the parser found a user or a password in it.
    """
    rest = url.partition("://")[2]
    # One @ behind a ? belongs to an option: of the whole before it, no part is a user.
    return rest.count("@") > has_user or re.search(r"/[^@]*\?[^@]*=[^@]*@", rest) is not None


def stray_words(url: str) -> str:
    """What is wrong with a `url` that holds a stray `@`, as a part of a sentence."""
    if url.partition("://")[2].count("@") > 1:
        return "an @ too many, so that it is not clear where its password ends"
    return "a / or ? before its @, so that it is not clear where user and password end"


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")

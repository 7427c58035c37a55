"""Why the API refused an event: a stable code and the API's own words, redacted so that the state may keep them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from etl.verdict.account_words import AccountTrouble, account_trouble
from etl.verdict.redaction import Sent, is_code, redact, without_sent

_CODE_FIELDS = ("code", "error_code", "errorCode", "type")
_TEXT_FIELDS = ("message", "error", "exception", "description", "detail", "reason", "text", "title", "msg")
_NOT_WORDS = (*_CODE_FIELDS, "success")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*\Z")
_CODE_IN_TEXT = re.compile(r"\s*([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![A-Za-z0-9_])")
_MAX_CODE = 40
_MAX_ITEMS = 10
_MAX_DEPTH = 6
_MAX_TEXTS = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API refused an event. `code` is a stable word; `words` are the API's own, redacted and capped.

    `account`: what the words say about the account as a whole; None: nothing.
    """

    code: str
    words: str
    account: AccountTrouble | None = field(default=None, compare=False)


def read_refusal(error: object, *, otherwise: str, sent: Sent) -> Refusal:
    """The refusal described by `error`, any JSON value of an answer.

    otherwise: the code when the answer gives none that looks like one (`TIMESTAMP_ERROR` does). sent: the request's
    values; they are removed from the words, and never taken as the code.
    """
    text = "; ".join(text[:1000] for text in islice(filter(str.strip, _texts(error)), _MAX_TEXTS))
    found = _CODE_IN_TEXT.match(text)
    codes = [*_declared_codes(error), *([found[1]] if found else [])]
    code = next((code for code in codes if _is_code(code, sent)), otherwise)
    trouble = account_trouble(*(without_sent(one, sent=sent) for one in (code, *codes, text)))
    return Refusal(code, redact(text, sent=sent), trouble)


def _texts(error: object, *, depth: int = 0) -> Iterator[str]:
    match error:
        case str():
            yield error
        case list() if depth < _MAX_DEPTH:
            for item in error[:_MAX_ITEMS]:
                yield from _texts(item, depth=depth + 1)
        case dict() if depth < _MAX_DEPTH:
            named = [error[name] for name in _TEXT_FIELDS if isinstance(error.get(name), str | list | dict)]
            others = [value for name, value in error.items() if name not in _NOT_WORDS]
            for item in named or others[:_MAX_ITEMS]:
                yield from _texts(item, depth=depth + 1)
        case _:
            return


def _declared_codes(error: object, *, depth: int = 0) -> Iterator[str]:
    """The texts in fields meant for a code, the outermost first."""
    if depth == _MAX_DEPTH or not isinstance(error, dict | list):
        return
    if isinstance(error, dict):
        yield from (error[name] for name in _CODE_FIELDS if isinstance(error.get(name), str))
    for item in [*(error.values() if isinstance(error, dict) else error)][:_MAX_ITEMS]:
        yield from _declared_codes(item, depth=depth + 1)


def _is_code(word: str, sent: Sent) -> bool:
    return len(word) <= _MAX_CODE and bool(_CODE.match(word)) and is_code(word, sent=sent)

"""Reads the body of an answer: success, counts and errors.

Only a complete JSON object or list counts; a cut-off one, however plausible, is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import orjson

from etl.verdict.answer_words import (
    ACCEPTED,
    CODES,
    COUNTS,
    DETAILS,
    ENTRIES,
    HAS_ERRORS,
    OBJECTIONS,
    PERHAPS_TAKEN,
    READ,
    RESULTS,
    SKIPPED,
    STATUSES,
    SUCCESS,
    TAKEN,
    THERE_ALREADY,
    WORDS,
    WRAPPERS,
    is_no,
    is_no_trouble,
    plain,
    yes_or_no,
)

_EMPTY = (None, "", False)


@dataclass(frozen=True, slots=True)
class Body:
    """What a JSON answer says. None: it does not say.

    count: how many events were accepted, the sum of all counts.
    errors: the value of `errors`, or else of `error` or another name of refusals, or else the whole answer if its
    `status` or `code` says no. only_number: `errors` is a number. whole: the answer with its names in lower case; the
    wrapped object instead, if the wrapping says nothing or only the wrapped object says no. status: the HTTP status,
    400 to 599, that the answer repeats in its body. entries: the length of an answer that is a list whose entries each
    say yes or no (it is about the batch if it has one for each event); 0: a list with an entry that says neither.
    skipped: how many events the receiver passed over without refusing them.
    """

    success: bool | None
    count: int | None
    errors: object | None
    whole: Mapping[str, object]
    only_number: bool = False
    status: int | None = None
    entries: int | None = None
    skipped: int = 0

    @property
    def about(self) -> object:
        """The part with words about a refusal: the errors, or the whole answer if those are a word or a number."""
        mere = self.errors is None or isinstance(self.errors, str | bool) or self.only_number
        return dict(self.whole) if mere else self.errors

    def of_refusal(self) -> Body:
        """This body under a refusing status: a list as the whole answer, or under a name of details, holds errors."""
        if self.entries is not None:
            return replace(self, success=False, count=None, errors=self.errors or self.whole[RESULTS])
        lists = (value for name in DETAILS if isinstance(value := self.whole.get(name), list) and value)
        return self if self.errors is not None else replace(self, errors=next(lists, None))

    @property
    def counts_no_errors(self) -> bool:
        """Whether it gives the number of refusals as 0."""
        return any(_count(value) == 0 for name, value in self.whole.items() if plain(name) in OBJECTIONS)


NO_BODY = Body(None, None, None, {})


def read_body(body: bytes) -> Body | None:
    """The body as a JSON object or list of entries; None for anything else, and if it contradicts itself.

    A byte order mark is allowed, because PHP files often begin with one. So are UTF-16, Latin-1 and NaN: such an answer
    can be understood, and sending again would not change it.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError:
        body = _as_utf_8(body)
        try:
            whole = json.loads(body)
        except (ValueError, RecursionError):
            return None
    entries = _entries(whole)
    if not (entries or isinstance(whole, dict)) or _contradicts_itself(body):
        return None
    return _read_list(entries) if entries else _read(whole)


def _entries(value: object) -> list[Mapping[str, object]] | None:
    """A list of objects, or of words and booleans that each say yes or no (made into objects); else None."""
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(entry, dict) for entry in value):
        return value
    # Numbers may be ids.
    words = all(isinstance(entry, str | bool) and _count(entry) is None for entry in value)
    return [{"success": entry} for entry in value] if words and None not in map(yes_or_no, value) else None


def _read_list(entries: list[Mapping[str, object]]) -> Body:
    """The body of a list of entries; a single entry that says no is about the whole request, as without the list."""
    alone = _read(entries[0])
    if len(entries) == 1 and (alone.errors is not None or alone.success is False):
        return alone
    read = _read({RESULTS: entries})
    refused = read.errors if isinstance(read.errors, list) else [None] * len(entries)
    taken = [_entry_says_yes(entry) for entry in entries]
    clear = all(yes or no is not None for yes, no in zip(taken, refused, strict=True))
    return replace(read, count=len(entries) if all(taken) else None, entries=len(entries) if clear else 0)


def _entry_says_yes(entry: Mapping[str, object]) -> bool:
    status = _count(entry.get("status"))
    return _read(entry).success is True or (status is not None and 200 <= status < 300)


def _as_utf_8(body: bytes) -> bytes:
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    return text.encode("utf-8", "replace")


def _read(whole: Mapping[str, object]) -> Body:
    said_by = {plain(name): value for name, value in whole.items()}
    whole = {name.lower(): value for name, value in whole.items()}
    counts = _counts(said_by, COUNTS) or _counts(said_by, ACCEPTED)[:1]
    counts += _counts(said_by, THERE_ALREADY) if counts else []
    said = [one for one in (yes_or_no(said_by.get(name)) for name in SUCCESS) if one is not None]
    said += [False for name in TAKEN if is_no(said_by.get(name))]
    if not said and not counts and not any(said_by.get(name) is True for name in COUNTS):
        said = [False for name in PERHAPS_TAKEN if is_no(said_by.get(name))]
    name, errors = _objection(said_by, whole)
    if name is None and isinstance(errors, list):
        # Each entry is about one event, also those that do not say no.
        said = said or [True]
    outer = Body(
        all(said) if said else None,
        sum(counts) if counts else None,
        errors,
        whole,
        only_number=name is not None and _count(said_by[name]) is not None,
        status=_status_inside(said_by),
        skipped=sum(_counts(said_by, SKIPPED)),
    )
    wrapped = [value for value in map(said_by.get, WRAPPERS) if isinstance(value, dict)]
    return outer if errors is not None or not wrapped else _unwrapped(outer, [_read(value) for value in wrapped])


def _unwrapped(outer: Body, inner: list[Body]) -> Body:
    """The body of a wrapped answer whose wrapping names no errors: it is about the call, the inside about events."""
    silent = outer.success is None and outer.count is None
    refusing = next((body for body in inner if body.errors is not None or body.success is False), None)
    if refusing is None:
        speaking = (body for body in inner if body.success is not None or body.count is not None)
        skipped = max(body.skipped for body in (outer, *inner))
        return replace(next(speaking, inner[0]) if silent else outer, skipped=skipped)
    counts = (body.count for body in (outer, refusing, *inner) if body.count is not None)
    success = refusing.success if silent else refusing.success is not False and outer.success
    return replace(refusing, count=next(counts, None), success=success)


def _counts(whole: Mapping[str, object], names: Iterable[str]) -> list[int]:
    return [count for count in (_count(whole.get(name)) for name in names) if count is not None]


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _objection(said_by: Mapping[str, object], whole: Mapping[str, object]) -> tuple[str | None, object | None]:
    """The name and the value by which the answer says no, in any known way; None if it does not."""
    for name in OBJECTIONS:
        errors = _errors(said_by.get(name))
        if errors is not None:
            return name, errors
    if _says_no(said_by):
        return None, dict(whole)
    return None, next(filter(None, (_refused_entries(said_by.get(name)) for name in ENTRIES)), None)


def _refused_entries(value: object) -> list[object] | None:
    """The entries, one for each event, with null for those that do not say no; None if none says no."""
    read = [(entry, _read(entry)) for entry in _entries(value) or ()]
    refused: list[object] = [
        entry if said.errors is not None or said.success is False else None for entry, said in read
    ]
    return refused if any(entry is not None for entry in refused) else None


def _says_no(said_by: Mapping[str, object]) -> bool:
    if any(map(is_no, map(said_by.get, WORDS))) or _status_inside(said_by) is not None:
        return True
    return any(_errors(said_by.get(name)) is not None for name in HAS_ERRORS)


def _status_inside(said_by: Mapping[str, object]) -> int | None:
    numbers = (_count(said_by.get(name)) for name in STATUSES)
    return next((number for number in numbers if 400 <= (number or 0) < 600), None)


def _contradicts_itself(body: bytes) -> bool:
    """Whether a name that is read here occurs twice in the answer with different values."""
    names = body.lower().translate(None, b"_- ")
    if all(names.count(b'"%s"' % name.encode()) < 2 for name in READ):
        return False
    twice: list[bool] = []

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        different = False
        for name, value in pairs:
            different |= plain(name) in READ and found.setdefault(plain(name), value) != value
        twice.append(different)
        return dict(pairs)

    try:
        json.loads(body, object_pairs_hook=look)
    except (ValueError, RecursionError):
        # A number or a depth that only the other, faster parser accepts.
        return True
    # The hook is called for the outermost object last; in a list, each object is an outermost one.
    return any(twice) if body.lstrip()[:1] == b"[" else twice[-1]


def _errors(value: object) -> object | None:
    """The errors, or None where the value says that there are none."""
    match value:
        case str():
            return None if is_no_trouble(value) else value
        case dict() if _is_code_of_none(value):
            return None
        case list():
            value = [None if isinstance(item, dict) and _is_code_of_none(item) else item for item in value]
    return None if _holds_nothing(value) else value


def _is_code_of_none(error: Mapping[str, object]) -> bool:
    """Whether it has the code 0 and no other trouble: `{"code": 0, "message": "OK"}`."""
    said_by = {plain(name): value for name, value in error.items()}
    codes = [said_by.pop(name) for name in CODES if name in said_by]
    silent = (is_no_trouble(value) if isinstance(value, str) else value in (None, [], {}) for value in said_by.values())
    return bool(codes) and all(_count(code) == 0 for code in codes) and all(silent)


def _holds_nothing(value: object) -> bool:
    """Whether it holds only names with empty values; an object in a list is always an error."""
    match value:
        case dict():
            return all(map(_holds_nothing, value.values()))
        case [int() as only] if only is not False:
            # A single 0 is the index of the first event; several zeros are codes.
            return False
        case list():
            return all(not item if isinstance(item, dict) else _holds_nothing(item) for item in value)
        case _:
            return value in _EMPTY

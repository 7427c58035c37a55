"""What the body of an answer says, apart from its status: success, counts and errors.

Only a whole JSON object says anything; a half one, however plausible, is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import orjson

# What an event may have become; those taken are their sum, whichever of them an answer names.
COUNTS = ("created", "updated", "inserted", "merged", "verified", "processed")
# The same in one number; read where none of those stands, since it would count their events again.
_ACCEPTED = ("accepted", "imported", "stored", "ingested")
# Events that were there already; beside a count of others they are taken too.
_THERE_ALREADY = ("unchanged", "unmodified", "existing", "duplicates")
# What holds no number but that of events.
NUMBERS_OF_EVENTS = (*COUNTS, *_ACCEPTED, *_THERE_ALREADY, "errors", "failed", "rejected")
_NO = frozenset(
    (
        *("error", "fail", "failed", "failure", "rejected", "refused", "invalid", "denied", "exception"),
        *("false", "no", "nok", "ko", "not ok", "not_ok", "notok", "unsuccessful"),
    )
)
_EMPTY = (None, "", False)
_NOTHING = frozenset(("", "0", "false", "none", "null", "nil", "no error", "no errors", "ok", "success", "n/a", "-"))
# Where an answer says what was refused; a number is how many.
_OBJECTIONS = (
    "errors",
    "error",
    "failures",
    "failed",
    "rejected",
    "refused",
    "invalid",
    "exception",
    "fault",
    *(f"error{between}{what}" for what in ("message", "description", "code") for between in ("_", "")),
    *(
        f"{what}{between}count"
        for what in ("error", "errors", "failed", "rejected", "invalid")
        for between in ("_", "")
    ),
)
_YES_OR_NO = {
    **dict.fromkeys(("true", "1", "yes", "ok", "success"), True),
    **dict.fromkeys(("0", *_NO), False),
}
# What a list of errors is called where the status says that it is one.
_DETAILS = ("detail", "details", "violations", "messages")
# What an answer may be wrapped in.
_WRAPPERS = ("data", "result", "response")
# Where an answer may have one entry for each event.
_RESULTS = "results"
_ENTRIES = (*_WRAPPERS, _RESULTS, "responses", "events", "items")
_WORDS = ("status", "result", "outcome", "state")
_SUCCESS = ("success", "ok", "succeeded", "successful", "is_success", "issuccess", "is_ok", "isok")
_HAS_ERRORS = ("has_errors", "haserrors", "has_error", "haserror")
# False for an event that is there already, but where nothing else is said a no.
_PERHAPS_TAKEN = ("inserted", "verified", "processed")
_READ = (*_SUCCESS, "code", *_WORDS, *_HAS_ERRORS, *_OBJECTIONS, *COUNTS, *_ACCEPTED, *_THERE_ALREADY)


@dataclass(frozen=True, slots=True)
class Body:
    """What a JSON answer says. None = it does not say.

    count: how many events were taken: the sum of all counts. errors: the value of `errors`; else of `error`, or of what
    else names refusals; else the whole answer, where `status` or `code` says no. only_number: `errors` is a number.
    whole: with its names in lower case; what is wrapped, where the wrapping says nothing or only what is wrapped says
    no. status: the HTTP status, 400 to 599, that the answer repeats in its body. entries: where the answer is a
    list of objects that each say yes or no, how many: it speaks of the batch if it has one for each event; 0: a list
    in which one says neither.
    """

    success: bool | None
    count: int | None
    errors: object | None
    whole: Mapping[str, object]
    only_number: bool = False
    status: int | None = None
    entries: int | None = None

    @property
    def about(self) -> object:
        """Where its words about a refusal stand: in the errors, or beside them where those are a word or a number."""
        mere = self.errors is None or isinstance(self.errors, str) or self.only_number
        return dict(self.whole) if mere else self.errors

    def of_refusal(self) -> Body:
        """The same of a status that refuses: a list that is all of it holds the errors, and so does one of details."""
        if self.entries is not None:
            return replace(self, success=False, count=None, errors=self.errors or self.whole[_RESULTS])
        lists = (value for name in _DETAILS if isinstance(value := self.whole.get(name), list) and value)
        return self if self.errors is not None else replace(self, errors=next(lists, None))

    @property
    def counts_no_errors(self) -> bool:
        """Whether it gives a number of refusals, and that is 0."""
        return any(_count(self.whole.get(name)) == 0 for name in _OBJECTIONS)


NO_BODY = Body(None, None, None, {})


def read_body(body: bytes) -> Body | None:
    """The body as JSON object or as list of objects, or None, also where it says two things of one name.

    A byte order mark is allowed: PHP files often begin with one. So are UTF-16, texts in Latin-1 and NaN: what the
    answer says can be read, and to send again would change nothing.
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
    a_list = isinstance(whole, list) and bool(whole) and all(isinstance(entry, dict) for entry in whole)
    if not (a_list or isinstance(whole, dict)) or _contradicts_itself(body):
        return None
    if not a_list:
        return _read(whole)
    return _read_list(whole)


def _read_list(entries: list[Mapping[str, object]]) -> Body:
    """A list of objects; one that is all of it and says no means the whole request, as it would without the list."""
    alone = _read(entries[0])
    if len(entries) == 1 and (alone.errors is not None or alone.success is False):
        return alone
    read = _read({_RESULTS: entries})
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
    whole = {name.lower(): value for name, value in whole.items()}
    counts = _counts(whole, COUNTS) or _counts(whole, _ACCEPTED)[:1]
    counts += _counts(whole, _THERE_ALREADY) if counts else []
    said = [one for one in (yes_or_no(whole.get(name)) for name in _SUCCESS) if one is not None]
    said += [False for name in _ACCEPTED if _is_no(whole.get(name))]
    if not said and not counts and not any(whole.get(name) is True for name in COUNTS):
        said = [False for name in _PERHAPS_TAKEN if _is_no(whole.get(name))]
    name, errors = _objection(whole)
    if name is None and isinstance(errors, list):
        # Its entries speak of one event each, of those that do not say no as well.
        said = said or [True]
    outer = Body(
        all(said) if said else None,
        sum(counts) if counts else None,
        errors,
        whole,
        only_number=name is not None and _count(whole[name]) is not None,
        status=_status_inside(whole),
    )
    if errors is not None:
        return outer
    for inner in (_read(value) for value in map(whole.get, _WRAPPERS) if isinstance(value, dict)):
        if not said and not counts:
            return inner
        if inner.errors is not None or inner.success is False:
            # The wrapping speaks of the call, what is wrapped of the events.
            count = inner.count if outer.count is None else outer.count
            return replace(inner, count=count, success=inner.success is not False and outer.success)
    return outer


def _counts(whole: Mapping[str, object], names: Iterable[str]) -> list[int]:
    return [count for count in (_count(whole.get(name)) for name in names) if count is not None]


def yes_or_no(value: object) -> bool | None:
    """A yes or a no in one of the forms in which answers have it (true, 1, "yes", "ok"); None: neither."""
    if isinstance(value, str):
        return _YES_OR_NO.get(value.strip().casefold())
    return bool(value) if value in (True, False) else None


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _objection(whole: Mapping[str, object]) -> tuple[str | None, object | None]:
    """The errors, in whichever way the answer says no, and the name that they have; None where it does not."""
    for name in _OBJECTIONS:
        errors = _errors(whole.get(name))
        if errors is not None:
            return name, errors
    if _says_no(whole):
        return None, dict(whole)
    return None, next(filter(None, (_refused_entries(whole.get(name)) for name in _ENTRIES)), None)


def _refused_entries(entries: object) -> list[object] | None:
    """Entries for one event each, with null for those that do not say no; None where none does."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return None
    read = [(entry, _read(entry)) for entry in entries]
    refused = [entry if said.errors is not None or said.success is False else None for entry, said in read]
    return refused if any(entry is not None for entry in refused) else None


def _says_no(whole: Mapping[str, object]) -> bool:
    code = whole.get("code")
    if any(map(_is_no, map(whole.get, _WORDS))) or any(map(_has_errors, map(whole.get, _HAS_ERRORS))):
        return True
    word = code.strip().upper() if isinstance(code, str) else ""
    return _status_inside(whole) is not None or (word.endswith("_ERROR") and word != "NO_ERROR")


def _is_no(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().casefold() in _NO)


def _has_errors(value: object) -> bool:
    return _errors(value) is not None and not _is_no(value)


def _status_inside(whole: Mapping[str, object]) -> int | None:
    numbers = (_count(whole.get(name)) for name in ("status", "code", "statuscode"))
    return next((number for number in numbers if 400 <= (number or 0) < 600), None)


def _contradicts_itself(body: bytes) -> bool:
    """Whether a name that is read here stands twice in the answer, with different values."""
    lower = body.lower()
    if all(lower.count(b'"%s"' % name.encode()) < 2 for name in _READ):
        return False
    twice: list[bool] = []

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        different = False
        for name, value in pairs:
            different |= name.lower() in _READ and found.setdefault(name.lower(), value) != value
        twice.append(different)
        return dict(pairs)

    try:
        json.loads(body, object_pairs_hook=look)
    except (ValueError, RecursionError):
        # A number or a depth that only the faster parser takes.
        return True
    # The outermost object comes last; in a list each is one.
    return any(twice) if body.lstrip()[:1] == b"[" else twice[-1]


def _errors(value: object) -> object | None:
    """The errors, or None where the value says that there are none."""
    if isinstance(value, str):
        return None if value.strip().casefold() in _NOTHING else value
    return None if _holds_nothing(value) else value


def _holds_nothing(value: object) -> bool:
    """Whether there is nothing in it but names and emptiness; an object in a list is an error, whatever it holds."""
    match value:
        case dict():
            return all(map(_holds_nothing, value.values()))
        case list():
            return all(not item if isinstance(item, dict) else _holds_nothing(item) for item in value)
        case _:
            return value in _EMPTY

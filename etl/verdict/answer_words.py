"""The names and words by which an answer says yes or no: closed lists, written as `plain` returns them.

What stands in none of them is left out of the verdict: an answer of such names alone is accepted as unconfirmed.
"""

from __future__ import annotations

import re

_JOINT = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")

# Names: what an event may have become; those taken are their sum, whichever of them an answer names.
COUNTS = ("created", "updated", "inserted", "merged", "verified", "processed")
# The same in one number; read where none of those stands, since it would count their events again.
ACCEPTED = ("accepted", "imported", "stored", "ingested")
# Events that were there already; beside a count of others they are taken too.
THERE_ALREADY = ("unchanged", "unmodified", "existing", "duplicates")
# Events that the receiver passed over without a no, because it has them or wants none: taken, but not for sure.
SKIPPED = ("skipped", "ignored")
# What holds no number but that of events.
NUMBERS_OF_EVENTS = (*COUNTS, *ACCEPTED, *THERE_ALREADY, *SKIPPED, "errors", "failed", "rejected")

# Names that ask: yes confirms, no refuses.
SUCCESS = ("success", "ok", "succeeded", "successful", "issuccess", "issuccessful", "isok")
# Names by which no refuses; yes says too little.
TAKEN = (*ACCEPTED, "isaccepted", "received", "valid", "isvalid")
# No for an event that is there already, or not yet passed on; but where nothing else is said a no.
PERHAPS_TAKEN = ("inserted", "verified", "processed", "delivered", "saved")
# Names of one word about the whole.
WORDS = ("status", "result", "outcome", "state", "code")
# Names of the status, as HTTP has it.
STATUSES = ("status", "code", "statuscode")

# Names of trouble: where an answer says what was refused; a number is how many.
OBJECTIONS = (
    *("errors", "error", "failures", "failure", "failed", "rejected", "refused", "invalid"),
    *("exception", "exceptions", "fault", "faults", "problem", "problems", "violations", "validationerrors"),
    *("errormessage", "errordescription", "errorcode"),
    # "failed_indexes", "rejectedEvents".
    *(
        said + what
        for said in ("failed", "rejected", "refused", "invalid")
        for what in ("events", "indexes", "indices")
    ),
    *("errorcount", "errorscount", "failedcount", "rejectedcount", "invalidcount"),
)
# The same without what it is.
HAS_ERRORS = ("haserrors", "haserror", "iserror")
# Names of a code, of which 0 is none.
CODES = ("code", "errorcode", "errno")
# What a list of errors is called where the status says that it is one.
DETAILS = ("detail", "details", "messages")

# What an answer may be wrapped in.
WRAPPERS = ("data", "result", "response", "meta")
# Where an answer may have one entry for each event.
RESULTS = "results"
ENTRIES = (*WRAPPERS, RESULTS, "responses", "events", "items")

READ = frozenset(
    (*SUCCESS, *TAKEN, *PERHAPS_TAKEN, *WORDS, *STATUSES, *HAS_ERRORS, *OBJECTIONS, *COUNTS, *THERE_ALREADY, *SKIPPED)
)

# Words: a no, whichever name it has.
_NO = frozenset(
    (
        *("error", "fail", "failed", "failure", "rejected", "refused", "invalid", "denied", "declined", "exception"),
        *("false", "no", "nee", "niet", "nok", "ko", "unsuccessful", "badrequest"),
        *("partial", "partially", "partialsuccess", "partiallyaccepted"),
        *(
            f"not{what}"
            for what in ("ok", "accepted", "delivered", "processed", "received", "saved", "stored", "valid")
        ),
    )
)
# How a word ends that says which no it is: `VALIDATION_ERROR`.
_ENDS_OF_NO = ("error", "failed", "failure")
# A no to a question.
_NO_TO_A_QUESTION = frozenset(("0", "-1", "n", "f", "off", "nope"))
_YES_TO_A_QUESTION = frozenset(("true", "1", "yes", "ok", "success", "y", "t", "on", "ja"))
# What stands for no trouble.
_NO_TROUBLE = frozenset(
    (
        *("", "-", "0", "false", "f", "none", "null", "nil", "no", "n", "nee", "geen", "ok", "success", "n/a"),
        *("noerror", "noerrors", "nofailure", "nofailures", "notfailed", "noexception", "geenfout", "geenfouten"),
    )
)
_LONGEST = 40


def plain(text: str) -> str:
    """The text in lower case and without what joins its words: `isValid`, `is_valid` and `Is-Valid` are one."""
    return _JOINT.sub("", text.strip().casefold())


def yes_or_no(value: object) -> bool | None:
    """A yes or a no to a question, in one of the forms in which answers have it (true, 1, "yes"); None: neither."""
    if isinstance(value, str):
        word = _word(value)
        if word in _YES_TO_A_QUESTION:
            return True
        return False if word in _NO_TO_A_QUESTION or is_no(value) else None
    if value in (True, False):
        return bool(value)
    return False if is_no(value) else None


def is_no(value: object) -> bool:
    """Whether it is a no under a name that asks nothing, such as `status`: 0 is none, a number below is one."""
    if isinstance(value, str):
        word = _word(value)
        return word in _NO or (word.endswith(_ENDS_OF_NO) and word not in _NO_TROUBLE)
    return value is False or (isinstance(value, int | float) and value < 0)


def is_no_trouble(text: str) -> bool:
    """Whether a text that stands where errors are told says that there are none."""
    return _word(text) in _NO_TROUBLE


def _word(text: str) -> str:
    return plain(text) if len(text) <= _LONGEST else text

"""The names and words by which an answer says yes or no: closed lists, in the form that `plain` returns.

Other names do not count for the verdict: an answer with no known name is accepted as unconfirmed.
"""

from __future__ import annotations

import re

_JOINT = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")

# Names of counts of accepted events; those in an answer are added up.
COUNTS = ("created", "updated", "inserted", "merged", "verified", "processed")
# Names of the total of accepted events; read only without any of the names above, whose events it includes.
ACCEPTED = ("accepted", "imported", "stored", "ingested")
# Counts of events that the receiver had already; added to a count of the others.
THERE_ALREADY = ("unchanged", "unmodified", "existing", "duplicates")
# Counts of events that the receiver passed over without refusing them: accepted, but unconfirmed.
SKIPPED = ("skipped", "ignored")
# Names whose number is always a number of events.
NUMBERS_OF_EVENTS = (*COUNTS, *ACCEPTED, *THERE_ALREADY, *SKIPPED, "errors", "failed", "rejected")

# Names that ask a question: yes confirms, no refuses.
SUCCESS = ("success", "ok", "succeeded", "successful", "issuccess", "issuccessful", "isok")
# Names of which a no refuses, but a yes does not confirm.
TAKEN = (*ACCEPTED, "isaccepted", "received", "valid", "isvalid")
# Names of which a no may only mean that the event was there already or is not passed on yet; without anything else it
# counts as a no.
PERHAPS_TAKEN = ("inserted", "verified", "processed", "delivered", "saved")
# Names whose value is one word about the whole request.
WORDS = ("status", "result", "outcome", "state", "code")
# Names of an HTTP status.
STATUSES = ("status", "code", "statuscode")

# Names under which an answer says what was refused; a number is how many were.
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
# Names that say only that something was refused.
HAS_ERRORS = ("haserrors", "haserror", "iserror")
# Names of an error code; 0 is no error.
CODES = ("code", "errorcode", "errno")
# Names of a list of errors, if the status is an error.
DETAILS = ("detail", "details", "messages")

# Names of an object that an answer may be wrapped in.
WRAPPERS = ("data", "result", "response", "meta")
# The name of a list with an entry for each event.
RESULTS = "results"
ENTRIES = (*WRAPPERS, RESULTS, "responses", "events", "items")

READ = frozenset(
    (*SUCCESS, *TAKEN, *PERHAPS_TAKEN, *WORDS, *STATUSES, *HAS_ERRORS, *OBJECTIONS, *COUNTS, *THERE_ALREADY, *SKIPPED)
)

# Words that are a no under any name.
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
# Endings of words that are a no: `VALIDATION_ERROR`.
_ENDS_OF_NO = ("error", "failed", "failure")
# A no to a question.
_NO_TO_A_QUESTION = frozenset(("0", "-1", "n", "f", "off", "nope"))
_YES_TO_A_QUESTION = frozenset(("true", "1", "yes", "ok", "success", "y", "t", "on", "ja"))
# Words that mean "no errors" under a name of trouble.
_NO_TROUBLE = frozenset(
    (
        *("", "-", "0", "false", "f", "none", "null", "nil", "no", "n", "nee", "geen", "ok", "success", "n/a"),
        *("noerror", "noerrors", "nofailure", "nofailures", "notfailed", "noexception", "geenfout", "geenfouten"),
    )
)
_LONGEST = 40


def plain(text: str) -> str:
    """The text in lower case, without separators: `isValid`, `is_valid` and `Is-Valid` become the same."""
    return _JOINT.sub("", text.strip().casefold())


def yes_or_no(value: object) -> bool | None:
    """Whether `value` is a yes (true, 1, "yes") or a no to a question; None: neither."""
    if isinstance(value, str):
        word = _word(value)
        if word in _YES_TO_A_QUESTION:
            return True
        return False if word in _NO_TO_A_QUESTION or is_no(value) else None
    if value in (True, False):
        return bool(value)
    return False if is_no(value) else None


def is_no(value: object) -> bool:
    """Whether `value` is a no under a name that asks no question, such as `status`: 0 is not, a negative number is."""
    if isinstance(value, str):
        word = _word(value)
        return word in _NO or (word.endswith(_ENDS_OF_NO) and word not in _NO_TROUBLE)
    return value is False or (isinstance(value, int | float) and value < 0)


def is_no_trouble(text: str) -> bool:
    """Whether a text under a name of errors says that there are none."""
    return _word(text) in _NO_TROUBLE


def _word(text: str) -> str:
    return plain(text) if len(text) <= _LONGEST else text

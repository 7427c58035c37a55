"""Translates errors of PostgreSQL for the state: the cause, what to do next, and whether the server is unreachable.

The rule: nothing of the driver's text is shown except names of options, schemas and tables.
"""

from __future__ import annotations

import re
from typing import Final

import sqlalchemy as sa

from etl.state.pooler import NO_SECOND_SESSION, POOL_HINT, POOLER_HINT
from etl.state.trouble import DriverErrors, explain
from etl.unreachable import Cause, Obstacle, cause_of

URL: Final = "the state's URL"

_AGAIN = "run again: it goes on where it stopped"
_LOST = (
    "the connection to it was lost",
    f"the lock on the mapping went with it, so another run may have begun, and this one wrote nothing more; {_AGAIN}",
)
_NO_SESSION = "query_wait_timeout"
# libpq gives no SQLSTATE when a connection ends, so its wording decides.
_AWAY = r"closed the connection|terminating connection"
# By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
_STATES = {
    "25006": (
        "it takes no writes: it is a standby, or default_transaction_read_only is on for this user or database",
        "give the URL of the primary, or let the administrator allow this user to write",
    ),
    "42501": (
        "this user lacks the right",
        (
            "let the owner GRANT USAGE, CREATE ON SCHEMA … TO this user, and SELECT, INSERT, UPDATE, DELETE on the "
            "tables etl_… in it; or name a schema of this user's own: options=-csearch_path%3D…"
        ),
    ),
    "57014": ("a person or a program ended the statement", _AGAIN),
    "25P03": ("the server ended a session that was idle in a transaction", _AGAIN),
    "53100": ("the server's disk is full", f"free some space there; then {_AGAIN}"),
    "40P01": ("two programs waited for each other (deadlock)", _AGAIN),
}


def _explain(error: Exception) -> tuple[str, str]:
    cause, origin = _cause(error), error.orig if isinstance(error, sa.exc.DBAPIError) else error
    words = str(origin)
    # A lost connection is not made anew: the lock on the mapping was lost with it, and another run may have begun.
    if _is_lost(error) and (cause is None or (cause.refusal is Obstacle.PASSING and _NO_SESSION not in words)):
        return _LOST
    if "unsupported startup parameter" in words:
        return "a pooler stands before it, which does not take the options of the URL", POOLER_HINT
    if _NO_SESSION in words:
        return NO_SECOND_SESSION, POOL_HINT
    if cause is not None:
        return cause.words, cause.hint
    return _explain_statement(error, origin)


def _explain_statement(error: Exception, origin: BaseException | None) -> tuple[str, str]:
    if isinstance(error, sa.exc.ArgumentError):
        return f"{URL} has an option with a value that cannot be taken", "correct what stands behind the ? of the URL"
    state = _sqlstate(origin)
    if state in _STATES:
        denied = re.search(r"permission denied for \w+ [\w.]{1,130}", str(origin))
        told, hint = _STATES[state]
        return f"{told}{f': {denied[0]}' if denied else ''} ({state})", hint
    if _is_away(error):
        return "its server is not there", f"is it up and reachable? {_AGAIN.capitalize()}"
    if state:
        return f"the server says {type(origin).__name__} ({state})", "look for it in the server's log"
    return explain(origin)


def _cause(error: Exception) -> Cause | None:
    """Why no connection could be made; None for the error of a statement."""
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    if error.statement is not None and _sqlstate(error.orig)[:2] not in {"", "08", "28", "3D", "53", "57"}:
        return None
    return cause_of(str(error.orig), url=URL, driver=type(error.orig).__module__.partition(".")[0])


def _is_lost(error: Exception) -> bool:
    return isinstance(error, sa.exc.PendingRollbackError) or (
        isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    )


def _is_away(error: Exception) -> bool:
    origin = getattr(error, "orig", None)
    if _NO_SESSION in str(origin):
        return False
    cause, state = _cause(error), _sqlstate(origin)
    if cause is not None and not (_is_lost(error) and cause.refusal is Obstacle.PASSING):
        return cause.refusal is Obstacle.PASSING
    return (
        _is_lost(error)
        or (state[:2] in {"08", "57"} and state != "57014")
        or (not state and re.search(_AWAY, str(origin)) is not None)
    )


def _sqlstate(error: object) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or "")


SERVER_ERRORS: Final = DriverErrors((sa.exc.SQLAlchemyError, OSError, UnicodeDecodeError), _explain, _is_away)

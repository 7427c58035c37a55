"""Remembers what the API answered to accepted requests, redacted, each wording once.

The rule: most requests of a run get the same few wordings, so the cost per event is next to nothing; and an echo of
what was sent is never kept.
"""

from __future__ import annotations

from etl.verdict.answer import Answer, Failure
from etl.verdict.judge import Accepted, Partly, Verdict
from etl.verdict.redaction import Sent, redact

# A limit, because a receiver may answer each request with another wording.
MOST_WORDINGS = 200
_LONGEST_REMEMBERED = 2000


class Said:
    """Remembers the wordings of one run."""

    def __init__(self) -> None:
        self._by_body: dict[tuple[int, bytes], str] = {}
        self._by_known_words: dict[tuple[int, str], str] = {}

    def of(self, answer: Answer, *, sent: bytes) -> str:
        """The answer in one line, as in `HTTP 200: {"success":true}`; `sent` is the body of its request."""
        exact = answer.status, answer.body
        found = self._by_body.get(exact)
        if found is None:
            found = self._worded(answer, sent)
            if len(self._by_body) < MOST_WORDINGS and len(answer.body) <= _LONGEST_REMEMBERED:
                self._by_body[exact] = found
        return found

    def if_accepted(self, answer: Answer | Failure, verdict: Verdict, *, sent: bytes) -> str:
        """The same if the verdict accepted something; otherwise ""."""
        if isinstance(answer, Answer) and isinstance(verdict, Accepted | Partly):
            return self.of(answer, sent=sent)
        return ""

    def _worded(self, answer: Answer, sent: bytes) -> str:
        text = answer.body.decode("utf-8", "replace")
        # Only known words are left. Whether one of them is an echo is checked once for each wording, because it costs
        # parsing the request.
        known = answer.status, redact(text, sent=Sent(b""))
        found = self._by_known_words.get(known)
        if found is None:
            status = f"HTTP {answer.status}"
            if len(self._by_known_words) >= MOST_WORDINGS:
                return status
            words = redact(text, sent=Sent(sent))
            found = self._by_known_words[known] = f"{status}: {words}" if words else status
        return found

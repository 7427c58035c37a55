"""Shows requests and what the API answered, for the first look at a new mapping.

The rule: values of rows are masked unless a person asks for them, and the account's key is never shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import click
import orjson

from etl.event.masking import masked_event
from etl.exact import printable
from etl.job.ports import Sender
from etl.screen.json_line import harmless_json, json_line
from etl.verdict.answer import Answer, Failure, whole
from etl.verdict.redaction import Sent, redact

_MOST_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class ShowingSender:
    """A sender that prints each request and its answer; with `values` as they are, otherwise masked."""

    sender: Sender
    values: bool
    output: str

    def track(self, body: bytes) -> Answer | Failure:
        """Send one request's body, and show what came back."""
        answer = self.sender.track(body)
        request = body.decode() if self.values else _masked(body)
        status, said = _answered(answer, body, values=self.values)
        if self.output == "json":
            line = {"request": orjson.Fragment(request), "answer": {"status": status, "body": said}}
            click.echo(harmless_json(orjson.dumps(line).decode()))
        else:
            click.echo(f"request   POST /v1/track\n          {harmless_json(request)}")
            click.echo(f"answer    {f'HTTP {status}' if status is not None else 'none'}\n          {said}")
        return answer

    def is_well(self) -> bool:
        """As the sender's; nothing is shown, because no event is sent."""
        return self.sender.is_well()

    def knows_key(self) -> bool:
        """As the sender's."""
        return self.sender.knows_key()

    def close(self) -> None:
        """Close the connection."""
        self.sender.close()


def _masked(body: bytes) -> str:
    return json_line({"events": [masked_event(event) for event in orjson.loads(body)["events"]]})


def _answered(answer: Answer | Failure, body: bytes, *, values: bool) -> tuple[int | None, str]:
    answer = whole(answer)
    if isinstance(answer, Failure):
        return None, f"no answer: {answer.value}"
    text = answer.body.decode("utf-8", "replace")
    return answer.status, printable(text[:_MOST_CHARACTERS]) if values else redact(text, sent=Sent(body))

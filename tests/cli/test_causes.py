"""What is done wrong, and all that is said about it: whole, so that no cause is told in fewer words one day."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from etl.sandbox.faults import SandboxSettings
from etl.sandbox.serve import running
from etl.secret import Secret

BEGINNING = ("--start-from", "beginning")
IMPATIENT = "  retry: {max_attempts: 1, max_backoff: 1s, give_up_after: 1s}\n  timeout: 2s\n"
# No such name is ever known (RFC 6761).
NOWHERE = "https://api.squeezely.invalid"


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True)
class Case:
    """`prepare` is done first; then the command is called, whose stderr is `said`, hints included."""

    name: str
    call: str
    code: int
    said: str
    prepare: Callable[[Any], None] = lambda office: None


def api(url: str, **variables: str) -> Callable[[Any], None]:
    def prepare(office: Any) -> None:
        office.write_mapping(destination=IMPATIENT)
        office.variables.update({"API_URL": url, "https_proxy": "", "HTTPS_PROXY": "", "no_proxy": "", "NO_PROXY": ""})
        office.variables.update(variables)

    return prepare


RUN = "run people.yaml --start-from beginning"
API = [
    Case(
        "nothing listens",
        RUN,
        6,
        """\
error: people: sending events to 127.0.0.1:PORT: a request failed (connection refused)
hint: the next run goes on where this one stopped
""",
        api("http://127.0.0.1:PORT"),
    ),
    Case(
        "the host is not known",
        RUN,
        6,
        """\
TIME WARNING events go to this host mapping=people run_id=ID host=api.squeezely.invalid account=shop-1 proxy=none
error: people: sending events to api.squeezely.invalid:443: a request failed (host name not found)
hint: the next run goes on where this one stopped
""",
        api(NOWHERE),
    ),
    Case(
        "the host is not known, and a proxy is set",
        RUN,
        6,
        """\
TIME WARNING events go to this host mapping=people run_id=ID host=api.squeezely.invalid account=shop-1 proxy=none
error: people: sending events to api.squeezely.invalid:443: a request failed (host name not found)
hint: HTTPS_PROXY is set here, but the mapping does not use it: destination.proxy: true does; the next run goes on where this one stopped
""",  # noqa: E501
        api(NOWHERE, HTTPS_PROXY="http://proxy.example:3128"),
    ),
    Case(
        "the host is not known, and a proxy is set, but not for it",
        RUN,
        6,
        """\
TIME WARNING events go to this host mapping=people run_id=ID host=api.squeezely.invalid account=shop-1 proxy=none
error: people: sending events to api.squeezely.invalid:443: a request failed (host name not found)
hint: the next run goes on where this one stopped
""",
        api(NOWHERE, HTTPS_PROXY="http://proxy.example:3128", NO_PROXY=".squeezely.invalid"),
    ),
    Case(
        "the same, asked by day",
        "validate people.yaml --connect",
        6,
        """\
error: checking the credentials at api.squeezely.invalid:443: host name not found
  hint: HTTPS_PROXY is set here, but the mapping does not use it: destination.proxy: true does
""",
        api(NOWHERE, HTTPS_PROXY="http://proxy.example:3128"),
    ),
    Case(
        "a wrong key",
        RUN,
        5,
        """\
error: people: sending events to 127.0.0.1:PORT: the API refused the credentials (HTTP 401: X-AUTH-ACCOUNT and X-AUTH-APIKEY are missing or wrong)
hint: check destination.account and destination.api_key, and that both belong to this address
""",  # noqa: E501
        lambda office: office.variables.update(API_KEY="another"),
    ),
]


def said_by(ended: Any, *, on_stdout: bool) -> str:
    """The whole of stderr; of a report on stdout its errors with their hints."""
    if on_stdout:
        return "".join(re.findall(r"^error: .*\n(?:  hint: .*\n)?", ended.out, re.MULTILINE))
    timed = re.sub(r"^\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", ended.err, flags=re.MULTILINE)
    return re.sub(r"run_id=[0-9a-f]{12}", "run_id=ID", timed)


@pytest.mark.parametrize("case", API, ids=lambda case: case.name)
def test_every_cause_at_the_api_is_told(office: Any, case: Case) -> None:
    office.fill(20)
    case.prepare(office)
    port = str(free_port())
    office.variables = {name: text.replace("PORT", port) for name, text in office.variables.items()}
    with running(SandboxSettings(account="shop-1", api_key=Secret("key-of-the-shop"))) as office.api_url:
        ended = office.call(*case.call.split())
    said = said_by(ended, on_stdout=case.call.startswith("validate"))
    for used in (port, office.api_url.rpartition(":")[2]):
        said = said.replace(f":{used}", ":PORT")
    assert said == case.said
    assert ended.code == case.code

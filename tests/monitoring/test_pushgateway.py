"""The figures at a Pushgateway: groups, what replaces what, and that nothing fails a run or shows the address."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from etl.books import Books
from etl.errors import StateUnusable
from etl.monitoring.addresses import parse_push_url
from etl.monitoring.metrics import HELP, PREFIX
from etl.monitoring.pushgateway import push_metrics
from etl.secret import Secret
from tests.monitoring.endings import NOW, an_ending
from tests.servers.scripted_server import Exchange, ScriptedServer, refusing_url

PASSWORD = "a-canary-4711"
RUN = "/metrics/job/squeezely-etl/command/run/mapping/customers"
MAPPING = "/metrics/job/squeezely-etl/mapping/customers"


class Gateway:
    """As much of a Pushgateway as is asked of it: groups of figures; PUT replaces a group, POST figure by figure."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, dict[str, float]]] = {}
        self.status = 200

    def answer(self, exchange: Exchange) -> None:
        """Take what came, or answer with `status`."""
        body, request = exchange.read_body(), exchange.request
        if self.status == 200:
            path = request.target.split("/metrics/job/")[1]
            job, *rest = path.split("/")
            names = "/".join(f"{name}/{value}" for name, value in sorted(zip(rest[::2], rest[1::2], strict=True)))
            pushed = {
                family.name: {str(sorted(one.labels.items())): one.value for one in family.samples}
                for family in text_string_to_metric_families(body.decode())
            }
            before = self.groups.get(f"/metrics/job/{job}/{names}", {}) if request.method == "POST" else {}
            self.groups[f"/metrics/job/{job}/{names}"] = before | pushed
        exchange.answer(self.status, b"")

    def figure(self, group: str, name: str) -> dict[str, float] | None:
        """The figure's series in `group`; None when it is not there."""
        return self.groups[group].get(PREFIX + name)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def server(gateway: Gateway) -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _: gateway.answer) as running:
        yield running


def test_a_run_leaves_every_figure(gateway: Gateway, server: ScriptedServer) -> None:
    books = Books(read=3, sent=3, omitted=Counter({("phone", "invalid_phone"): 1}))
    settled = datetime(2026, 1, 31, 2, 0, tzinfo=UTC)
    ending = an_ending(books=books, last_done_at=NOW, dead_letters={"refused": 1}, checkpoint_at=settled)
    assert push_metrics(parse_push_url(server.url), ending) is None
    names = {name.removeprefix(PREFIX) for group in gateway.groups.values() for name in group}
    assert names == set(HELP)
    assert set(gateway.groups) == {RUN, MAPPING}
    assert gateway.figure(MAPPING, "open_dead_letters") == {"[('mapping', 'customers'), ('reason', 'refused')]": 1.0}


def test_what_is_over_is_gone_and_what_is_not_known_stays(gateway: Gateway, server: ScriptedServer) -> None:
    url = parse_push_url(f"{server.url}/")
    omitted = Books(read=1, sent=1, omitted=Counter({("phone", "invalid_phone"): 1}))
    settled = datetime(2026, 1, 31, 2, 0, tzinfo=UTC)
    first = an_ending(books=omitted, last_done_at=NOW, dead_letters={"refused": 1}, checkpoint_at=settled)
    assert push_metrics(url, first) is None
    # A state that cannot be read: neither letters nor the last success are known.
    assert push_metrics(url, an_ending(error=StateUnusable("damaged"))) is None
    assert list((gateway.figure(RUN, "last_run_exit_code") or {}).values()) == [8.0]
    assert list((gateway.figure(RUN, "last_success_timestamp_seconds") or {}).values()) == [NOW.timestamp()]
    assert list((gateway.figure(MAPPING, "open_dead_letters") or {}).values()) == [1.0]
    # All is well again, by a backfill too, which says nothing of the mapping's checkpoint.
    assert push_metrics(url, an_ending(last_done_at=NOW, dead_letters={})) is None
    assert gateway.figure(RUN, "last_run_omitted_fields") is None
    assert list((gateway.figure(MAPPING, "open_dead_letters") or {}).values()) == [0.0]
    assert list((gateway.figure(MAPPING, "checkpoint_timestamp_seconds") or {}).values()) == [settled.timestamp()]
    assert push_metrics(url, an_ending(command="retry", last_done_at=NOW, dead_letters={})) is None
    assert set(gateway.groups) == {RUN, MAPPING, RUN.replace("run", "retry")}


def test_a_password_goes_to_the_gateway_alone(server: ScriptedServer) -> None:
    address = server.url.replace("://", f"://etl:{PASSWORD}@") + "/behind/a/proxy"
    assert push_metrics(parse_push_url(address), an_ending(last_done_at=NOW)) is None
    (request,) = server.requests
    assert request.target == f"/behind/a/proxy{RUN}"
    sent = {name.lower(): value for name, value in request.headers.items()}["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == f"etl:{PASSWORD}".encode()
    assert PASSWORD.encode() not in (request.body or b"")


def test_a_gateway_that_refuses_or_is_away_is_told_without_its_address(
    gateway: Gateway, server: ScriptedServer
) -> None:
    gateway.status = 503
    assert push_metrics(parse_push_url(server.url), an_ending()) == "it answered 503"
    gateway.status = 302
    assert push_metrics(parse_push_url(server.url), an_ending()) == "it answered 302"
    with refusing_url() as closed:
        assert push_metrics(Secret(closed), an_ending()) == "no answer (ConnectError)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"gateway:{PASSWORD}", "expected an address that begins with http:// or https://"),
        (f"http://etl:{PASSWORD}@gateway:9091", "plain http shows the password"),
        (f"https://gateway/?token={PASSWORD}", "no ? and no #"),
        (f"https://gateway:{PASSWORD}/", "not an address"),
        (f"https://gate way/{PASSWORD}", "no spaces"),
    ],
)
def test_a_wrong_address_is_refused_without_being_shown(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse_push_url(text)
    assert words in str(error.value)
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize("text", ["http://gateway:9091", "https://etl:word@gateway/push", "http://etl:word@[::1]:9091"])
def test_an_address_is_kept_as_it_is(text: str) -> None:
    assert parse_push_url(text).reveal() == text

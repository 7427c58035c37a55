"""`import etl` does what the commands do, with values in and out, and takes over nothing of the process."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import etl
from etl.sandbox.serve import running
from etl.sandbox.shop import build_shop

MAPPING = """\
version: 1
name: customers
source: {{url: "sqlite:///{shop}", table: customers, primary_key: id, cursor_field: updated_at, timezone: UTC}}
event: CustomerUpdated
fields: {{email: email, firstname: first_name, currency: currency}}
destination: {{url: "{api}", account: SQ-12345, api_key: key, rate_limit: {{requests_per_second: 500}}}}
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Iterator[Path]:
    shop = tmp_path / "shop.sqlite"
    build_shop(shop, customers=300)
    with running() as api:
        path = tmp_path / "customers.yaml"
        path.write_text(MAPPING.format(shop=shop, api=api))
        yield path


def test_a_mapping_is_loaded_looked_at_and_run(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed, no signal is taken, and each end is a value."""
    state = str(mapping.with_name("state.sqlite"))
    handlers = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    assert isinstance(etl.load(mapping), etl.Mapping)
    assert etl.validate(mapping, connect=True) == []
    (row,) = etl.preview(mapping, limit=1)
    assert isinstance(row, etl.PreviewedRow)
    assert row.event is not None
    assert row.event["event"] == "CustomerUpdated"
    undecided = etl.run(mapping, state=state)
    assert (undecided.exit_code, undecided.outcome) == (8, "failed")
    assert isinstance(undecided.error, etl.StateUnusable)
    forecast = etl.run(mapping, start_from="beginning", dry_run=True, state=state)
    assert forecast.forecast is not None
    first = etl.run(mapping, start_from="beginning", state=state)
    assert (first.exit_code, first.error) == (3, None), "a few rows of the shop are wrong on purpose"
    assert first.books.sent == forecast.forecast.events > 250
    assert first.started_at is not None
    assert first.finished_at is not None
    assert first.as_dict()["started_at"] == first.started_at.isoformat(timespec="seconds")
    assert first.started_at.utcoffset() == first.started_at - first.started_at
    assert first.started_at < first.finished_at
    for one in (undecided, forecast, first):
        assert one.started_at is not None
        assert one.finished_at is not None
        apart = (one.finished_at - one.started_at).total_seconds()
        assert apart == pytest.approx(one.duration_seconds, abs=1e-5), "one duration, not two"
    again = etl.run(mapping, state=state)
    assert again.books.sent == 0
    retried = etl.retry(mapping, reason="invalid_email", state=state)
    assert retried.books.invalid > 0
    past = etl.backfill(mapping, start="2020-01-01", end="2025-06-01", state=state)
    assert past.windows == (1, 1)
    (standing,) = etl.status(mapping, state=state)
    assert standing["mapping"] == "customers"
    assert standing["dead_letters"]
    assert etl.status(state=state) != []
    receipt = etl.forget(mapping, email="Eva@Example.com", key="7", state=state)
    assert (receipt.emails, receipt.new, receipt.rows_found, receipt.ledger_entries) == (2, 2, 1, 1)
    assert isinstance(receipt, etl.Receipt)
    assert "@" not in str(receipt.as_dict())
    assert etl.run(mapping, full_refresh=True, state=state).books.suppressed == 1
    assert capfd.readouterr() == ("", "")
    assert handlers == [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]


def test_a_limit_is_so_many_orders_each_with_all_of_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are rows of another table, and are not counted."""
    shop, state = tmp_path / "shop.sqlite", str(tmp_path / "state.sqlite")
    build_shop(shop, customers=70)
    with sqlite3.connect(shop) as database:
        lines = dict(database.execute("SELECT order_id, count(*) FROM order_lines GROUP BY order_id"))
        numbers = dict(database.execute("SELECT order_number, id FROM orders"))
    with running() as api:
        variables = {"SHOP_DATABASE_URL": f"sqlite:///{shop}", "SQUEEZELY_URL": api, "SQUEEZELY_ACCOUNT": "SQ-12345"}
        for name, value in {**variables, "SQUEEZELY_API_KEY": "key"}.items():
            monkeypatch.setenv(name, value)
        forecast = etl.run("mappings/orders.yaml", start_from="beginning", limit=5, dry_run=True, state=state)
        assert (forecast.books.read, forecast.error) == (5, None)
        ended = etl.run("mappings/orders.yaml", start_from="beginning", limit=5, state=state)
        assert (ended.books.read, ended.books.sent, ended.error) == (5, 5, None)
        sent = httpx.get(f"{api}/sandbox/download/events.json").json()
    assert len(sent) == 5
    orders = [one["content"] for one in sent]
    assert [len(one["products"]) for one in orders] == [lines[numbers[one["orderid"]]] for one in orders]


def test_what_is_wrong_before_it_begins_is_raised(mapping: Path) -> None:
    mapping.write_text("version: 1\nname: customers\n")
    with pytest.raises(etl.MappingInvalid) as error:
        etl.run(mapping)
    assert error.value.problems
    assert error.value.hint is not None
    assert error.value.hint.startswith("; ".join(error.value.problems[:3]))
    assert all(problem in str(error.value) for problem in error.value.problems)
    # Of the account and its key a validation without a connection says nothing.
    assert set(etl.validate(mapping)) < set(error.value.problems)
    with pytest.raises(ValueError, match="email, userid or key"):
        etl.forget(mapping)
    with pytest.raises(ValueError, match="key needs one mapping"):
        etl.forget(mapping, mapping, key="7")
    with pytest.raises(etl.MappingInvalid, match="is a folder"):
        etl.retry(mapping.parent)
    with pytest.raises(etl.UsageProblem, match="goes without --reason"):
        etl.retry(mapping, keys=["7"], reason="http_400")


@pytest.mark.parametrize(
    "workers", [-1, 0, 65, True, 2.5, "", "-1", "0", "two", "http://x", "tcp://x", "tcp://u:p@x:1"]
)
@pytest.mark.parametrize("function", [etl.run, etl.backfill])
def test_workers_that_cannot_be_are_refused_at_once(
    function: Callable[..., etl.Outcome], workers: Any, mapping: Path
) -> None:
    """-1 read nothing, called that a success, and closed a backfill's window for good."""
    state = mapping.with_name("state.sqlite")
    with pytest.raises(etl.UsageProblem, match="workers: a number from 1 to 64, or the scheduler") as error:
        function(mapping, workers=workers, state=str(state))
    assert "u:p" not in str(error.value)
    assert not state.exists()


@pytest.mark.parametrize(
    ("function", "wrong", "words"),
    [
        *(
            (function, {"limit": limit}, "limit: a whole number")
            for function in (etl.run, etl.retry, etl.preview)
            for limit in (-1, 0, True, "5")
        ),
        *(
            (function, {"keys": keys}, "keys: texts or whole")
            for function in (etl.retry, etl.preview)
            for keys in ([1.5], [None], True)
        ),
        (etl.run, {"if_locked": "skip"}, 'if_locked: "fail" or "wait"'),
        (etl.run, {"if_locked": "whatever"}, 'if_locked: "fail" or "wait"'),
        (etl.run, {"metrics_file": "x.txt"}, "metrics_file: .* end in .prom"),
    ],
)
def test_a_value_that_the_command_refuses_is_refused(
    function: Callable[..., object], wrong: dict[str, Any], words: str, mapping: Path
) -> None:
    """A negative limit was none at all."""
    with pytest.raises(etl.UsageProblem, match=words):
        function(mapping, **wrong)


def test_a_text_or_a_number_is_one_key_and_a_state_may_be_a_path(mapping: Path) -> None:
    """The text 17 was read as the rows 1 and 7."""
    for keys in ("17", ["17"], 17, [17]):
        assert [row.key for row in etl.preview(mapping, keys=keys)] == [(17,)]
    state = mapping.with_name("state.sqlite")
    first = etl.run(mapping, start_from="now", state=state)
    assert (first.exit_code, state.exists()) == (0, True)


@pytest.mark.parametrize("function", [etl.load, etl.validate, etl.preview, etl.run])
def test_a_folder_is_refused_whatever_it_holds(function: Callable[..., object], mapping: Path) -> None:
    mapping.with_name("other.yaml").write_text(mapping.read_text().replace("name: customers", "name: other"))
    for folder in (mapping.parent, ""):
        with pytest.raises(etl.MappingInvalid, match="is a folder"):
            function(folder)


def test_what_monitoring_was_not_told_is_logged(mapping: Path) -> None:
    """Nothing is written to stderr by itself; in a process where no command has set up logs of its own."""
    run = (
        "import logging, sys, etl; logging.basicConfig(stream=sys.stdout, format='%(levelname)s %(message)s'); "
        "etl.run(sys.argv[1], start_from='now', metrics_file=sys.argv[2], state=sys.argv[3])"
    )
    arguments = (mapping, mapping.parent / "nowhere" / "x.prom", mapping.with_name("state.sqlite"))
    ended = subprocess.run(
        [sys.executable, "-c", run, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    assert ended.stdout.startswith("WARNING the metrics file was not written")
    assert len(ended.stdout.splitlines()) == 1
    assert ended.stderr == ""


def test_importing_it_loads_nothing_heavy() -> None:
    told = "import sys, etl; etl.EtlError; print(*({'pandas', 'sqlalchemy', 'httpx', 'click'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""


def test_every_public_name_is_there() -> None:
    assert {name for name in etl.__all__ if getattr(etl, name) is None} == set()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        # That a type checker sees it is tested too: otherwise the comment would be one too many.
        _ = etl.nothing  # type: ignore[attr-defined]
    assert set(etl.__all__) <= set(dir(etl))
    assert (Path(etl.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize(
    ("kind", "value", "moment"),
    [
        ("DATE", "2024-01-31", datetime(2024, 1, 30, 23, tzinfo=UTC)),
        ("DATETIME", "2024-01-31 08:00:00", datetime(2024, 1, 31, 7, tzinfo=UTC)),
        ("INTEGER", 17, None),
    ],
)
def test_an_outcome_knows_the_moment_of_its_checkpoint(
    tmp_path: Path, kind: str, value: object, moment: datetime | None
) -> None:
    """Monitoring tells how far behind a mapping is, also where its cursor is a day."""
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.sqlite")) as shop:
        shop.execute(f"CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, at {kind})")
        shop.execute("INSERT INTO customers VALUES (1, 'eva@example.com', ?)", (value,))
        shop.commit()
    with running() as api:
        path = tmp_path / "customers.yaml"
        text = MAPPING.format(shop=tmp_path / "shop.sqlite", api=api).replace(
            "timezone: UTC", "timezone: Europe/Amsterdam"
        )
        text = text.replace("cursor_field: updated_at", "cursor_field: at")
        path.write_text(text.replace("{email: email, firstname: first_name, currency: currency}", "{email: email}"))
        outcome = etl.run(path, start_from="beginning", state=str(tmp_path / "state.sqlite"))
    assert (outcome.exit_code, outcome.books.sent, outcome.checkpoint_at) == (0, 1, moment)

"""A mapping that uses every feature, on rows that are ordinary, empty, odd and wrong."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from etl.event.encode import encode_event
from etl.exact import key_text
from etl.host.system_clock import SystemClock
from etl.job.preview import preview
from etl.mapping.load import load_mapping
from etl.source.open import open_source
from etl.transform.transformer import Transformer

HERE = Path(__file__).parent
COLUMNS = (
    "shop TEXT, id INTEGER, event_name TEXT, mail TEXT, first TEXT, last TEXT, sex INTEGER, born DATE, phone TEXT, "
    "zip TEXT, land TEXT, money TEXT, locale TEXT, optin INTEGER, points INTEGER, amount NUMERIC, tags TEXT, extra TEXT, "  # noqa: E501 - a row
    "items TEXT, note TEXT, updated_at DATETIME, PRIMARY KEY (shop, id)"
)
ITEMS = '[{"sku": "007", "title": "Tea", "price": 4.95, "n": 2}, {"sku": "B", "n": 1}]'
ROWS = [
    ("nl", 1, "Visit", " ANN@Example.COM ", "ann  maria", "o'neill-verylong", 2, "1980-02-29", "+31 6-12", "0123 AB", "nl",  # noqa: E501 - a row
     "eur", "nl_NL", 1, 2**53 + 1, 12.25, "a; b;;c", '{"x": [1, 2.50]}', ITEMS, "yes", "2024-03-31 02:30:00"),
    ("nl", 2, "Visit", None, None, "", None, None, None, None, None, None, None, None, None, None, None, None, "[]", "",
     "2024-10-27 02:30:00.000500"),
    ("nl", 3, "Leave", "nobody", "jan", "de Vries", 1, "1990-12-01", "phone?", "1000", "be", "usd", "fr-BE", 0, "many", 0.1,  # noqa: E501 - a row
     "one", "null", ITEMS, "x", "2024-06-01 12:00:00"),
    ("be", 1, "Visit", "b@example.com", "x", "y", 9, "yesterday", None, None, "zz", "XXQ", "klingon", 7, 1, 1, "t", "{", "[{}]",  # noqa: E501 - a row
     None, "2024-06-02 12:00:00"),
    ("be", 2, None, "c@example.com", "x", "y", 1, None, None, None, None, None, None, None, 1, 1, None, None, None, "n",
     "2024-06-03 12:00:00"),
]  # fmt: skip


def test_a_mapping_with_every_feature_gives_the_golden_events(tmp_path: Path) -> None:
    """B27; rewritten only by `make golden`."""
    path = tmp_path / "everything.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE everything ({COLUMNS})")
        connection.executemany(f"INSERT INTO everything VALUES ({','.join('?' * len(ROWS[0]))})", ROWS)
    connection.close()
    mapping = load_mapping(
        HERE / "everything.yaml", environment={"EVERYTHING_URL": f"sqlite:///{path}"}, read_file=Path.read_bytes
    )
    lines = []
    with open_source(mapping, clock=SystemClock()) as source:
        for row in preview(source, Transformer(mapping, source.columns, source.child_columns), limit=100):
            event = "null" if row.event is None else encode_event(row.event).decode()
            problems = ",".join(f"{problem.field}:{problem.code}" for problem in row.problems)
            lines.append(f"{key_text(row.key)}\t{problems}\t{event}\n")
    golden = HERE / "everything.tsv"
    if os.environ.get("REWRITE_GOLDEN"):
        golden.write_text("".join(lines))
    assert "".join(lines) == golden.read_text()

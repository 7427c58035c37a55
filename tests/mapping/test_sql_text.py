"""The SQL that a mapping carries, as people write it."""

from __future__ import annotations

import pytest

from etl.mapping.sql_text import parse_select


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("SELECT a FROM t; -- all of them", "SELECT a FROM t"),
        ("SELECT a FROM t /* b; */ ;;\n", "SELECT a FROM t"),
        ("SELECT '; --' AS a FROM t -- end", "SELECT '; --' AS a FROM t"),
        ("-- customers\nSELECT a FROM t", "-- customers\nSELECT a FROM t"),
        ("(SELECT a FROM t) UNION (SELECT a FROM u);", "(SELECT a FROM t) UNION (SELECT a FROM u)"),
        ("SELECT $x$a;b)$x$ AS a FROM t", "SELECT $x$a;b)$x$ AS a FROM t"),
        ("SELECT $$it's$$ AS a FROM t", "SELECT $$it's$$ AS a FROM t"),
        # MySQL, and PostgreSQL's texts behind an E.
        (r"SELECT 'it\'s; (' AS a FROM t; -- end", r"SELECT 'it\'s; (' AS a FROM t"),
        (r'SELECT "a\"b" AS a FROM t', r'SELECT "a\"b" AS a FROM t'),
        ("SELECT a FROM t; # it's all", "SELECT a FROM t"),
        (r"SELECT 'a\' AS a, 'b' AS b FROM t;", r"SELECT 'a\' AS a, 'b' AS b FROM t"),
        (r"SELECT E'it\'s' AS a, d #> '{a}' AS b FROM t", r"SELECT E'it\'s' AS a, d #> '{a}' AS b FROM t"),
    ],
)
def test_a_query_is_taken_as_people_write_it(written: str, kept: str) -> None:
    """Comments and a semicolon behind it would end a larger statement; what is quoted stays."""
    assert parse_select(written) == kept

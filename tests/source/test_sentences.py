"""A database's own sentence is shown for codes of a closed list alone, and never with a value or a key in it."""

from __future__ import annotations

import psycopg.errors
import pytest
from pymysql.constants import ER

from etl.source.fault import fault_of
from etl.source.sentence import SHOWN, sentence_of

# What the databases say (PostgreSQL 18, MariaDB 10.11 and 11, MySQL 8.4, SQLite 3, DuckDB 1), and what is shown of it.
POSTGRESQL = {
    "22003": ("integer out of range", "numeric field overflow"),
    "22007": ("invalid input syntax for type date",),
    "22008": ("date/time field value out of range",),
    "22012": ("division by zero",),
    "22P02": ("invalid input syntax for type integer", "invalid input value for enum mood"),
    "25006": ("cannot execute UPDATE in a read-only transaction",),
    "3F000": ('schema "shp" does not exist',),
    "40001": ("canceling statement due to conflict with recovery",),
    "42501": ("permission denied for table orders", "permission denied for materialized view totals"),
    "42601": (
        'syntax error at or near "FORM"',
        "syntax error at end of input",
        "each UNION query must have the same number of columns",
    ),
    "42702": ('column reference "id" is ambiguous',),
    "42703": ('column "emial" does not exist', "column c.emial does not exist"),
    "42704": ('type "txt" does not exist',),
    "42712": ('table name "t" specified more than once',),
    "42725": ("operator is not unique: unknown + unknown", "function f(unknown) is not unique"),
    "42803": ('column "t.id" must appear in the GROUP BY clause', "aggregate functions are not allowed in WHERE"),
    "42804": (
        "argument of WHERE must be type boolean, not type text",
        "UNION types text and integer cannot be matched",
    ),
    "42846": ("cannot cast type integer to date",),
    "42883": ("function nosuch(integer, text) does not exist", "operator does not exist: text = integer"),
    "42P01": ('relation "gone" does not exist', 'missing FROM-clause entry for table "x"'),
    "55000": ('materialized view "totals" has not been populated',),
    "55P03": ("canceling statement due to lock timeout",),
    "57014": ("canceling statement due to statement timeout", "canceling statement due to user request"),
}
MYSQL = {
    "1052": ("Column 'id' in SELECT is ambiguous", "Column 'id' in field list is ambiguous"),
    "1054": ("Unknown column 'c.emial'",),
    "1055": ("'shop.c.id' isn't in GROUP BY", "contains nonaggregated column 'shop.c.id'"),
    "1060": ("Duplicate column name 'id'",),
    "1066": ("Not unique table/alias: 't'",),
    "1142": ("table `shop`.`orders`", "table 'orders'"),
    "1143": ("column 'total'",),
    "1146": ("Table 'shop.gone' doesn't exist",),
    "1205": ("Lock wait timeout exceeded",),
    "1222": ("The used SELECT statements have a different number of columns",),
    "1248": ("Every derived table must have its own alias",),
    "1305": ("FUNCTION shop.nosuch does not exist",),
    "1356": ("View 'shop.v' references invalid table",),
    "1630": ("FUNCTION shop.nosuch does not exist",),
    "1969": ("max_statement_time exceeded",),
    "3024": ("maximum statement execution time exceeded",),
}
SQLITE = {
    "SQLITE_ERROR": (
        "no such column: c.emial",
        "no such table: gone",
        "no such function: nosuch",
        "ambiguous column name: id",
        'near "FORM": syntax error',
        "misuse of aggregate: sum()",
    )
}
DUCKDB = {
    "BinderException": (
        'Referenced column "emial" not found',
        'Ambiguous reference to column name "id"',
        'column "id" must appear in the GROUP BY clause',
    ),
    "CatalogException": ("Table with name gone does not exist", "Scalar Function with name nosuch does not exist"),
    "ParserException": ('syntax error at or near "FORM"',),
}
SAID = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL, "sqlite": SQLITE, "duckdb": DUCKDB}
# Sentences that quote what stands in a row, or in the mapping's own texts.
WITH_VALUES = [
    'invalid input syntax for type integer: "kanarie"',
    'duplicate key value violates unique constraint "t_pkey": Key (email)=(kanarie) already exists.',
    "Incorrect integer value: 'kanarie' for column `shop`.`t`.`n` at row 1",
    "Duplicate entry 'kanarie' for key 'PRIMARY'",
    'Conversion Error: Could not convert string "kanarie" to INT32',
    "Could not decode to UTF-8 column 'name' with text 'kanarie'",
    "syntax error at or near \"'kanarie'\"",
    "right syntax to use near ''kanarie' AS x' at line 3",
    'unterminated quoted string at or near "\'kanarie"',
    'unrecognized token: "\'kanarie"',
    'invalid regular expression: "kanarie"',
    "malformed JSON: kanarie",
]
KEYS = ["kEy-9fQ2zT7w", "a83bd1f09c2e4d71", "sk_live_51H8xG2K9", "Zk3Rt8Lq2Wm5"]
CODES = [
    (dialect, code, said)
    for dialect, by_code in SAID.items()
    for code, all_said in by_code.items()
    for said in all_said
]


@pytest.mark.parametrize(("dialect", "code", "said"), CODES)
def test_a_sentence_of_the_list_is_shown(dialect: str, code: str, said: str) -> None:
    assert sentence_of(f"denied for {said}, or so", dialect=dialect, code=code).text == said


def test_the_list_is_the_one_above() -> None:
    """So that nothing is added to it without a sentence that a database says."""
    assert {dialect: {*codes} for dialect, codes in SHOWN.items()} == {
        dialect: {*codes, *({"1064"} if dialect in {"mysql", "mariadb"} else ())} for dialect, codes in SAID.items()
    }


def test_under_any_other_code_no_sentence_is_shown() -> None:
    """Also one that would be shown under its own."""
    states = {one.sqlstate for one in vars(psycopg.errors).values() if getattr(one, "sqlstate", None)}
    numbers = {str(one) for one in vars(ER).values() if isinstance(one, int)}
    others = {"postgresql": states, "mysql": numbers, "mariadb": numbers, "sqlite": {"SQLITE_BUSY", "SQLITE_IOERR", ""}}
    others["duckdb"] = {"ConversionException", "ConstraintException", "IOException", ""}
    looked = 0
    for dialect, codes in others.items():
        for code in codes - {*SHOWN[dialect]}:
            looked += 1
            for _, _, said in CODES:
                assert sentence_of(said, dialect=dialect, code=code).text == ""
    assert looked > 500


@pytest.mark.parametrize("text", WITH_VALUES)
def test_a_sentence_with_a_value_is_shown_under_no_code(text: str) -> None:
    for dialect, codes in SHOWN.items():
        for code in codes:
            assert "kanarie" not in sentence_of(text, dialect=dialect, code=code).text


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_the_place_of_a_name_hides_the_sentence(key: str) -> None:
    """It stands in `table`, in `where` or in a column's place."""
    for dialect, code, said in CODES:
        for name in ("emial", "gone", "orders", "nosuch", "FORM"):
            if name in said:
                assert sentence_of(said.replace(name, key), dialect=dialect, code=code).text == ""


def test_a_syntax_error_of_mysql_names_the_word_alone() -> None:
    manual = "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version "
    text = f"{manual}for the right syntax to use near 'FORM t WHERE name = 'kanarie'' at line 3"
    assert sentence_of(text, dialect="mysql", code="1064").text == "syntax error near FORM"


def test_the_numbers_of_hosters_do_not_hide_a_table() -> None:
    said = "Table 'd01234567_shop.gone' doesn't exist"
    assert sentence_of(said, dialect="mysql", code="1146").text == said


def test_an_error_without_a_code_shows_no_sentence() -> None:
    """As of a driver that does not hand it on."""
    error = psycopg.OperationalError('column "kanarie" does not exist')
    assert "kanarie" not in fault_of(error, dialect="postgresql").words

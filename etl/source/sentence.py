"""Chooses by a closed list which error sentences of a database are shown, so that people see which column is meant.

The rule: a sentence is shown only if both its code and its wording are listed, because other sentences quote values of
rows. Those listed name tables, columns, functions and types, which are not personal data; if such a name looks like a
secret typed in a wrong place, the sentence is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from etl.secret import is_plain_name

# The name of what is wrong.
_NAME = r"(?P<name>[\w.$@`'\"-]{1,130})"
_WORD_NEAR = r"(?P<name>[A-Za-z_]\w{0,60})"
_TYPE = r"[\w .\[\]\"]{1,60}"
_TYPES = r"[\w ,.\[\]\"]{0,200}"
_OPERATOR = rf"{_TYPE} [-+*/<>=~!@#%^&|`?]{{1,10}} {_TYPE}"

# By SQLSTATE, of PostgreSQL.
_POSTGRESQL = {
    # These sentences go on with a value, which is not shown.
    "22003": (r"(?:[a-z]+ )?out of range", r"numeric field overflow"),
    "22007": (rf"invalid input syntax for type {_TYPE}",),
    "22008": (r"date/time field value out of range",),
    "22012": (r"division by zero",),
    "22P02": (rf"invalid input syntax for type {_TYPE}", rf"invalid input value for enum {_NAME}"),
    "25006": (r"cannot execute [A-Z ]{3,40} in a read-only transaction",),
    "3F000": (rf"schema {_NAME} does not exist",),
    "40001": (r"canceling statement due to conflict with recovery",),
    "42501": (rf"permission denied for (?:\w+ ){{1,2}}{_NAME}",),
    "42601": (
        rf"syntax error at or near \"{_WORD_NEAR}\"",
        r"syntax error at end of input",
        r"each \w+ query must have the same number of columns",
    ),
    "42702": (rf"column reference {_NAME} is ambiguous",),
    "42703": (rf"column {_NAME} does not exist",),
    "42704": (rf"(?:type|collation) {_NAME} does not exist",),
    "42712": (rf"table name {_NAME} specified more than once",),
    "42725": (rf"operator is not unique: {_OPERATOR}", rf"function {_NAME}\({_TYPES}\) is not unique"),
    "42803": (
        rf"column {_NAME} must appear in the GROUP BY clause",
        r"aggregate functions are not allowed in [A-Z ]{2,20}",
    ),
    "42804": (
        rf"argument of [A-Z ]{{2,20}} must be type {_TYPE}, not type {_TYPE}",
        rf"\w+ types {_TYPE} and {_TYPE} cannot be matched",
    ),
    "42846": (rf"cannot cast type {_TYPE} to {_TYPE}",),
    "42883": (rf"function {_NAME}\({_TYPES}\) does not exist", rf"operator does not exist: {_OPERATOR}"),
    "42P01": (
        rf"relation {_NAME} does not exist",
        rf"(?:missing|invalid reference to) FROM-clause entry for table {_NAME}",
    ),
    "55000": (rf"materialized view {_NAME} has not been populated",),
    "55P03": (r"canceling statement due to lock timeout",),
    "57014": (r"canceling statement due to (?:statement timeout|user request)",),
}
# By number, of MySQL and MariaDB.
_MYSQL = {
    "1052": (rf"Column {_NAME} in [\w ']+ is ambiguous",),
    "1054": (rf"Unknown column {_NAME}",),
    "1055": (rf"contains nonaggregated column {_NAME}", rf"{_NAME} isn't in GROUP BY"),
    "1060": (rf"Duplicate column name {_NAME}",),
    "1064": (rf"right syntax to use near '{_WORD_NEAR}\b",),
    "1066": (rf"Not unique table/alias: {_NAME}",),
    "1142": (rf"(?<=for )(?:table|column) {_NAME}",),
    "1143": (rf"(?<=for )(?:table|column) {_NAME}",),
    "1146": (rf"Table {_NAME} doesn't exist",),
    "1205": (r"Lock wait timeout exceeded",),
    "1222": (r"The used SELECT statements have a different number of columns",),
    "1248": (r"Every derived table must have its own alias",),
    "1305": (rf"(?:FUNCTION|PROCEDURE) {_NAME} does not exist",),
    "1356": (rf"View {_NAME} references invalid table",),
    "1630": (rf"FUNCTION {_NAME} does not exist",),
    "1969": (r"max_statement_time exceeded",),
    "3024": (r"maximum statement execution time exceeded",),
}
# By the name of the result code, of SQLite, and by the exception, of DuckDB.
_SQLITE = {
    "SQLITE_ERROR": (
        rf"no such (?:column|table|function): {_NAME}",
        rf"ambiguous column name: {_NAME}",
        rf"near \"{_WORD_NEAR}\": syntax error",
        r"misuse of aggregate: [\w()]+",
    ),
}
_DUCKDB = {
    "BinderException": (
        rf"Referenced (?:column|table) {_NAME} not found",
        rf"Ambiguous reference to column name {_NAME}",
        rf"column {_NAME} must appear in the GROUP BY clause",
    ),
    "CatalogException": (
        rf"Table with name {_NAME} does not exist",
        rf"Scalar Function with name {_NAME} does not exist",
    ),
    "ParserException": (rf"syntax error at or near \"{_WORD_NEAR}\"",),
}
SHOWN: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"postgresql": _POSTGRESQL, "mysql": _MYSQL, "mariadb": _MYSQL, "sqlite": _SQLITE, "duckdb": _DUCKDB}
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` may be shown; `name` is the name of what is wrong. Both are "" when nothing may be shown."""

    text: str = ""
    name: str = ""


def sentence_of(text: str, *, dialect: str, code: str) -> Sentence:
    """What may be shown of the database's message `text` with the error `code`."""
    for pattern in SHOWN.get(dialect, {}).get(code, ()):
        found = re.search(pattern, text)
        if found is not None:
            name = found.groupdict().get("name") or ""
            # MySQL's sentence about a syntax error refers to its manual, so a shorter one replaces it.
            sentence = f"syntax error near {name}" if code == "1064" else found[0]
            if all(map(_is_harmless, _WORD.findall(re.sub("[\"'`]", "", sentence)))):
                return Sentence(sentence, name.rpartition(".")[2].strip("\"'`"))
    return Sentence()


_WORD = re.compile(r"[\w$]+(?:\.[\w$]+)*")


def _is_harmless(word: str) -> bool:
    """Whether `word` looks like no secret. Only the last part of a qualified name counts: hosters number databases."""
    return word.isdecimal() or is_plain_name(word.rpartition(".")[2])

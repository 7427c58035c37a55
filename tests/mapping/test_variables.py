"""Variables are filled in as written, an unset one is a problem, and what they give is never shown."""

from __future__ import annotations

import pytest

from tests.mapping.reading import KEY, mapping_of, problems_of, small


def segment(value: str, **environment: str) -> object:
    text = small(fields=f"custom_a:\n  value: {value}")
    return mapping_of(text, environment={"KEY": KEY, **environment}).fields["custom_a"].value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "x"),
        ("a${A}b${A}c", "axbxc"),
        ("${A:-y}", "x"),
        ("'${B:-y}'", "y"),
        ("'${EMPTY:-y}'", "y"),
        ("'${B:-}z'", "z"),
        ("'${B:-http://h:1/p?q=$1}'", "http://h:1/p?q=$1"),
        ("${A:?needed}", "x"),
        ("$$", "$"),
        ("'$${A}'", "${A}"),
        ("$$$$", "$$"),
        ("$A", "$A"),
        ("5$", "5$"),
        ("'{$}'", "{$}"),
        ("'${A}${B:-$$}'", "x$$"),
        ("${NESTED}", "${A}"),
        ("${NUMBER}", "007"),
    ],
)
def test_a_text_gets_its_variables(written: str, value: str) -> None:
    """A value is text as it is: not read again, and not taken for a number."""
    assert segment(written, A="x", EMPTY="", NESTED="${A}", NUMBER="007") == value


@pytest.mark.parametrize(
    ("written", "sql"),
    [("SELECT $$it's$$ AS a", "SELECT $$it's$$ AS a"), ("SELECT '$${A}' AS a, ${A}", "SELECT '${A}' AS a, x")],
)
def test_sql_keeps_its_own_quotes_of_two_dollar_signs(written: str, sql: str) -> None:
    """PostgreSQL's `$$`: as one sign it was no SQL any more."""
    text = small().replace("table: customers", f'query: "{written}"')
    assert mapping_of(text, environment={"KEY": KEY, "A": "x"}).source.query == sql
    text = small().replace("table: customers", f'table: customers, where: "{written}"')
    assert mapping_of(text, environment={"KEY": KEY, "A": "x"}).source.where == sql


def test_names_of_keys_are_not_filled() -> None:
    assert problems_of(small(fields="${KEY}: a")) == (
        "m.yaml:7:3  fields.${KEY}: not a known field; custom fields start with custom_",
    )


@pytest.mark.parametrize("name", ["one-break", "windows-break"])
def test_one_line_break_at_the_end_of_a_key_file_is_dropped(name: str) -> None:
    """F10: editors end a file with one."""
    mapping = mapping_of(small().replace("${KEY}", f"${{file:/keys/{name}}}"))
    assert mapping.destination.api_key.reveal() == KEY


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/keys/two-breaks", "ends with a line break; remove it (a file read by ${file:…} may end with one)"),
        (
            "/keys/space",
            "holds a space, a control character or a letter outside ASCII, which no HTTP header may carry",
        ),
        ("/keys/binary", "the file /keys/binary is not UTF-8"),
        ("/keys/large", "the file /keys/large is larger than 64 KiB"),
        ("/keys/none", "the file /keys/none cannot be read: No such file or directory"),
        ("keys/none", "${file:…} needs an absolute path, such as ${file:/run/secrets/key}"),
    ],
)
def test_a_key_file_that_cannot_be_a_key_is_refused(name: str, words: str) -> None:
    """F10: a client would refuse such a header, and print it whole."""
    text = small().replace("${KEY}", f"${{file:{name}}}")
    assert problems_of(text) == (f"m.yaml:7:38  destination.api_key: {words}",)


def test_account_and_key_have_variables_by_default() -> None:
    text = small().split("destination:", maxsplit=1)[0]
    assert problems_of(text) == (
        (
            "m.yaml:1:1  destination.account: the variable SQUEEZELY_ACCOUNT is not set; "
            "set it, or write ${SQUEEZELY_ACCOUNT:-default}"
        ),
        (
            "m.yaml:1:1  destination.api_key: the variable SQUEEZELY_API_KEY is not set; "
            "set it, or write ${SQUEEZELY_API_KEY:-default}"
        ),
    )
    destination = mapping_of(text, environment={"SQUEEZELY_ACCOUNT": "12", "SQUEEZELY_API_KEY": "k"}).destination
    assert (destination.account, destination.api_key.reveal()) == ("12", "k")


def test_numbers_and_flags_may_come_from_variables() -> None:
    text = small().replace(
        "account: acc",
        'account: acc, batch_size: "${N}", timeout: "${T:-5s}", proxy: "${P}", max_batch_bytes: "${B}", '
        'rate_limit: {requests_per_second: "${R}"}',
    )
    values = {"KEY": KEY, "N": "7", "P": "true", "B": "2048", "R": "2.5"}
    destination = mapping_of(text, environment=values).destination
    assert destination.batch_size == 7
    assert destination.timeout.total_seconds() == 5
    assert destination.proxy is True
    assert destination.max_batch_bytes == 2048
    assert destination.rate_limit.requests_per_second == 2.5


def test_without_resolving_unset_variables_stay_as_written() -> None:
    """For `schema`, `test` and an offline look: no secret is needed to see that a mapping is right."""
    text = (
        small()
        .replace("sqlite:////tmp/shop.sqlite", "${SHOP}")
        .replace("account: acc", 'account: "${A}", batch_size: "${N}", url: "${U}"')
    )
    mapping = mapping_of(text, environment={}, resolve_variables=False)
    assert mapping.source.url.reveal() == "${SHOP}"
    assert mapping.destination.account == "${A}"
    assert mapping.destination.api_key.reveal() == "${KEY}"
    assert mapping.destination.batch_size == 100
    assert mapping.destination.url == "https://api.squeezely.tech"


def test_without_resolving_a_variable_that_is_set_is_filled_and_checked() -> None:
    text = small().replace("account: acc", 'account: "${A}", batch_size: "${N}"')
    assert problems_of(text, environment={"N": "many"}, resolve_variables=False) == (
        "m.yaml:7:44  destination.batch_size: expected a whole number from 1 to 10000, got a text",
    )


def test_without_resolving_a_missing_secret_file_is_no_problem() -> None:
    text = small().replace("${KEY}", "${file:/keys/none}")
    mapping = mapping_of(text, resolve_variables=False)
    assert mapping.destination.api_key.reveal() == "${file:/keys/none}"


@pytest.mark.parametrize(
    "place",
    [
        "timezone: ${KEY}",
        "on_null_cursor: ${KEY}",
        "settle: ${KEY}",
        "query: ${KEY}",
        "cursor_field: ${KEY} desc",
        "primary_key: ['${KEY}', '${KEY}']",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_quoted(place: str) -> None:
    """F2."""
    text = small().replace("primary_key: id, cursor_field: updated_at", place)
    printed = problems_of(text)
    assert printed
    assert KEY not in "".join(printed)

"""Only what is known is normalised: phones by the row's country, languages, addresses; what holds for every text."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.mapping.model import Mapping
from etl.mapping.steps import STEPS, Step
from etl.page import Page
from etl.transform.phone import Internationalizer, normal_phone
from etl.transform.problem import RefusedValueError
from etl.transform.rules import rule_for
from etl.transform.steps import step_rule
from etl.transform.transformer import Transformer
from etl.transform.zone import LocalTime

UTC = LocalTime("UTC")
DIGITS = st.text(alphabet="0123456789", min_size=1, max_size=17)
COUNTRIES = st.sampled_from(["NL", "BE", "DE", "FR", "IT", "GB", "US", "DK", "XK", "AR", None])
# As mappings/README.md says: the longest that a step makes of a text, as a multiple of its length.
FACTORS = {"strip": 1, "lower": 1, "title": 1, "squeeze_spaces": 1, "digits": 1, "clean": 1, "upper": 3}


@pytest.mark.parametrize(
    ("phone", "country", "wanted"),
    [
        ("0612345678", "NL", "+31612345678"),
        ("06 12 34 56 78", "NL", "+31612345678"),
        ("+31 06 12345678", None, "+31612345678"),
        ("+310612345678", "NL", "+31612345678"),
        ("+32-0475-12.34.56", "BE", "+32475123456"),
        ("+44 020 7946 0958", None, "+442079460958"),
        ("+39 06 12345678", "IT", "+390612345678"),
        ("020-123 45 67", "nl", "+31201234567"),
        ("0471 12 34 56", "BE", "+32471123456"),
        ("0612345678", "IT", "+390612345678"),
        ("00298212345", "IT", "00298212345"),
        ("31612345678", "NL", "31612345678"),
        ("31612345678.0", "NL", "31612345678"),
        ("612345678", "NL", "612345678"),
        ("0612345678", None, "0612345678"),
        ("0612345678", "Holland", "0612345678"),
        ("+49 30 1234567", "NL", "+49301234567"),
        ("061234567", "NL", "061234567"),
    ],
)
def test_a_national_number_becomes_international_by_the_rows_country(
    make_mapping: Callable[..., Mapping], make_page: Callable[..., Page], phone: str, country: str | None, wanted: str
) -> None:
    mapping = make_mapping({"userid": "id", "phone": "phone", "country": "country"})
    page = make_page("id phone country", [(1, phone, country)])
    transformer = Transformer(mapping, page.columns)
    (event,) = transformer(page).events
    assert event is not None
    assert event["phone"] == wanted
    assert transformer.trace(page, 0)[1].steps[-1] == ("country", wanted)


@pytest.mark.parametrize(
    "text",
    [
        *("0612345678 / 0201234567", "06.12.34.56.78/020.123.45.67", "0612345678.0201234567", "0612345678 0201234567"),
        *("0612345678/12", "0612345678, 0201234567", "0612345678;0201234567", "+3100612345678", "+31 (0)0612345678"),
    ],
)
def test_two_numbers_in_one_text_or_two_prefixes_are_none(text: str) -> None:
    with pytest.raises(RefusedValueError):
        normal_phone(text)


@pytest.mark.parametrize("text", ["020/1234567", "030/12 34 56 78", "09/123.45.67", "06.12.34.56.78"])
def test_what_people_put_between_the_digits_of_one_number_goes(text: str) -> None:
    assert normal_phone(text) == "".join(one for one in text if one.isdigit())


@settings(max_examples=500)
@given(st.lists(st.tuples(DIGITS, COUNTRIES), min_size=2, max_size=2, unique_by=lambda one: one[0]))
def test_two_texts_of_digits_never_become_one_number(pair: list[tuple[str, str | None]]) -> None:
    made = []
    for text, _ in pair:
        try:
            made.append(normal_phone(text))
        except RefusedValueError:
            made.append(None)
    found = Internationalizer().numbers(made, [country for _, country in pair])
    assert None in found or found[0] != found[1]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *((one, "!unknown_language") for one in ("BE", "UK", "SE", "CH", "AT", "US", "GB", "EG")),
        *(("NL", "nl-NL"), ("FR", "fr-FR"), ("DE", "de-DE"), ("be", "be-BY"), ("uk", "uk-UA"), ("be_BE", "be-BE")),
        *(("nl_NL_formal", "nl-NL"), ("de_CH_informal", "de-CH"), ("iw_IL", "he-IL"), ("in_ID", "id-ID")),
        *(("zh-Hant", "zh-TW"), ("zh_Hans", "zh-CN"), ("zh-Hant-HK", "zh-HK"), ("pa_Arab", "pa-PK")),
        *(("iw", "he-IL"), ("ca_ES_valencia", "ca-ES"), ("sr_Latn_RS", "sr-RS"), ("nl_NL.UTF-8", "nl-NL")),
    ],
)
def test_a_language_is_never_guessed_from_a_country(text: str, wanted: str) -> None:
    try:
        found = rule_for("language", kind=None, zone=UTC).value(text)
    except RefusedValueError as refused:
        found = f"!{refused.code}"
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "separator", "wanted"),
    [
        *(("1.234", ",", 1234), ("1.234,50", ",", 1234.5), ("1 234,5", ",", 1234.5), ("12,00", ",", 12), ("7", ",", 7)),
        *(("1.2345", ",", None), ("1,234.50", ",", None), ("12.34.567", ",", None), ("1.234,50", ".", None)),
        *((",5", ",", 0.5), ("-,50", ",", -0.5), (",", ",", None), (",5,5", ",", None), ("1.,5", ",", None)),
        *(("-1.234.567,89", ",", -1234567.89), ("1.234 567", ",", None)),
    ],
)
def test_a_comma_separates_decimals_where_the_mapping_says_so(text: str, separator: str, wanted: float | None) -> None:
    try:
        found: Any = rule_for("number", kind=None, zone=UTC, decimal_separator=separator).value(text)
    except RefusedValueError:
        found = None
    assert (None if found is None else float(found)) == wanted


@given(st.text())
def test_a_text_without_outer_white_space_is_never_changed(text: str) -> None:
    try:
        found = rule_for("text", kind=None, zone=UTC).value(text)
    except RefusedValueError:
        return
    if found != "" and text == text.strip():
        assert found == text == step_rule(Step("strip"), zone=UTC).value(text)
    assert found in ("", text.strip())


@given(st.text(), st.sampled_from(sorted(FACTORS)))
def test_no_step_makes_a_text_longer_than_its_factor(text: str, name: str) -> None:
    found = step_rule(Step(name), zone=UTC).value(text)
    assert isinstance(found, str)
    assert len(found) <= FACTORS[name] * len(text)
    assert set(FACTORS) <= set(STEPS)


@given(st.text(), st.text(max_size=5), st.text(min_size=1, max_size=5))
def test_a_step_with_arguments_makes_a_text_longer_by_them_alone(text: str, added: str, old: str) -> None:
    for name in ("prefix", "suffix"):
        assert len(str(step_rule(Step(name, (added,)), zone=UTC).value(text))) == len(text) + len(added)
    replaced = str(step_rule(Step("replace", (old, added)), zone=UTC).value(text))
    assert len(replaced) <= len(text) + text.count(old) * len(added)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    st.sampled_from(["0.01", "0.001", "100", "1", "-1", "0"]),
)
def test_scale_is_exact_and_has_no_more_digits_than_both_together(number: Decimal, factor: str) -> None:
    found = step_rule(Step("scale", (factor,)), zone=UTC).value(number)
    assert isinstance(found, Decimal)
    assert Fraction(found) == Fraction(number) * Fraction(Decimal(factor))
    assert len(found.as_tuple().digits) <= len(number.as_tuple().digits) + len(Decimal(factor).as_tuple().digits)

"""Values and what they become, type by type: each trap with both sides of its rule.

B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17, B18, B19, B22.
A result that begins with `!` is a problem's code; None means that the field is left out.
"""
# ruff: noqa: DTZ001  # naive datetimes are what databases give

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pandas as pd
import pycountry
import pytest

from etl.transform.language import MAIN_COUNTRIES

D = Decimal
HASH = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
PLUS_TWO = timezone(timedelta(hours=2))
SOME_UUID = UUID("12345678-1234-5678-1234-567812345678")

MISSING = (None, float("nan"), D("NaN"), D("sNaN"), pd.NaT, pd.NA)

TEXT = (
    ("Jan", "Jan"),
    ("0611", "0611"),
    (" two  spaces ", " two  spaces "),
    ("", None),
    ("tab\tnew\nline\r", "tab\tnew\nline\r"),
    ("Zoë 王 🎉", "Zoë 王 🎉"),
    ("👩‍👩‍👧", "👩‍👩‍👧"),
    ("non\u00a0breaking", "non\u00a0breaking"),
    ("nul\x00", "!control_characters"),
    ("bell\x07", "!control_characters"),
    ("escape\x1b[31m", "!control_characters"),
    ("delete\x7f", "!control_characters"),
    ("next line\x85", "!control_characters"),
    ("windows-1252 \x92", "!control_characters"),
    ("half \ud83d", "!not_unicode"),
    ("other half \udf89", "!not_unicode"),
    ("half \ud83d and \x00", "!not_unicode"),
    (1234, "1234"),
    (0, "0"),
    (-7, "-7"),
    (2**53 + 1, "9007199254740993"),
    (10**30, "1" + "0" * 30),
    (True, "true"),
    (False, "false"),
    (1.5, "1.5"),
    (1234.0, "1234"),
    (-0.0, "0"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e22, "10000000000000000000000"),
    (1e-7, "0.0000001"),
    (float("inf"), "!not_finite"),
    (float("-inf"), "!not_finite"),
    (D("12.50"), "12.50"),
    (D("1E+3"), "1000"),
    (D("-0.00"), "0.00"),
    (D("1E-9"), "0.000000001"),
    (D("1E+5000"), "!too_long"),
    (D("Infinity"), "!not_finite"),
    (date(2024, 2, 29), "2024-02-29"),
    (datetime(2024, 2, 29, 12, 0), "2024-02-29T12:00:00+00:00"),
    (datetime(2024, 2, 29, 12, 0, tzinfo=PLUS_TWO), "2024-02-29T12:00:00+02:00"),
    (time(9, 30), "09:30:00"),
    (SOME_UUID, str(SOME_UUID)),
    (b"bytes", "!unsupported_type"),
    (timedelta(hours=1), "!unsupported_type"),
    (1j, "!unsupported_type"),
    ((1, 2), "!unsupported_type"),
)

NUMBER = (
    (0, 0),
    (-5, -5),
    (2**53 + 1, 2**53 + 1),
    (2**63, 2**63),
    (-(2**63), -(2**63)),
    (2**200, 2**200),
    (10**1001, "!too_long"),
    (1.5, 1.5),
    (-0.0, 0.0),
    (0.1 + 0.2, 0.30000000000000004),
    (1e308, 1e308),
    (5e-324, 5e-324),
    (float("inf"), "!not_finite"),
    (float("-inf"), "!not_finite"),
    (D("12.50"), D("12.50")),
    (D("0.10"), D("0.10")),
    (D("-0"), D("0")),
    (D("-0.00"), D("0.00")),
    (D("1E+3"), D("1E+3")),
    (D("0.1") + D("0.2"), D("0.3")),
    (D("123456789012345678901234567890.123456789"), D("123456789012345678901234567890.123456789")),
    (D("Infinity"), "!not_finite"),
    (D("1E+100000"), "!too_long"),
    (D("1E-100000"), "!too_long"),
    ("12", 12),
    (" 12 ", 12),
    ("+12", 12),
    ("-12", -12),
    ("007", 7),
    ("12.50", D("12.50")),
    (".5", D("0.5")),
    ("5.", D("5")),
    ("1e3", D("1E+3")),
    ("9007199254740993", 2**53 + 1),
    ("9007199254740993.25", D("9007199254740993.25")),
    ("", None),
    ("   ", None),
    ("12,50", "!not_a_number"),
    ("1.234,50", "!not_a_number"),
    ("1_000", "!not_a_number"),
    ("1 000", "!not_a_number"),
    ("0x1F", "!not_a_number"),
    ("NaN", "!not_a_number"),
    ("Infinity", "!not_a_number"),
    ("٣", "!not_a_number"),
    ("12 EUR", "!not_a_number"),
    ("1e9999", "!not_a_number"),
    (True, 1),
    (False, 0),
    (date(2024, 1, 1), "!not_a_number"),
    (b"1", "!not_a_number"),
    (SOME_UUID, "!not_a_number"),
)

INTEGER = (
    (5, 5),
    (2**53 + 1, 2**53 + 1),
    (2**70, 2**70),
    (5.0, 5),
    (1e15, 10**15),
    (5.5, "!not_an_integer"),
    (D("5"), 5),
    (D("5.00"), 5),
    (D("5E+2"), 500),
    (D("5.01"), "!not_an_integer"),
    (D("9007199254740993"), 2**53 + 1),
    ("5", 5),
    ("5.0", 5),
    ("5.5", "!not_an_integer"),
    ("five", "!not_a_number"),
    ("", None),
    (True, 1),
    (float("inf"), "!not_finite"),
)

DECIMAL = (
    (5, 5),
    (0.1, D("0.1")),
    (0.1 + 0.2, D("0.30000000000000004")),
    (D("1.10"), D("1.10")),
    ("1.10", D("1.10")),
    (1e300, D("1E+300")),
    (-0.0, D("0.0")),
    ("x", "!not_a_number"),
)

YES_NO = (
    (True, "yes"),
    (False, "no"),
    (1, "yes"),
    (0, "no"),
    (1.0, "yes"),
    (0.0, "no"),
    (D("1"), "yes"),
    (D("0"), "no"),
    (D("1.00"), "yes"),
    (b"\x01", "yes"),
    (b"\x00", "no"),
    ("1", "yes"),
    ("0", "no"),
    ("t", "yes"),
    ("f", "no"),
    ("T", "yes"),
    ("F", "no"),
    ("true", "yes"),
    ("FALSE", "no"),
    ("y", "yes"),
    ("N", "no"),
    ("yes", "yes"),
    ("No", "no"),
    ("j", "yes"),
    ("J", "yes"),
    ("ja", "yes"),
    ("NEE", "no"),
    ("nein", "no"),
    (" ja ", "yes"),
    ("on", "yes"),
    ("off", "no"),
    ("", None),
    (" ", None),
    ("unknown", "!not_yes_no"),
    ("x", "!not_yes_no"),
    ("yess", "!not_yes_no"),
    ("\x01", "!not_yes_no"),
    (2, "!not_yes_no"),
    (-1, "!not_yes_no"),
    (0.5, "!not_yes_no"),
    (b"1", "!not_yes_no"),
    (date(2024, 1, 1), "!not_yes_no"),
)

BOOLEAN = (
    (True, True),
    (False, False),
    (1, True),
    (0, False),
    ("t", True),
    ("nee", False),
    (b"\x01", True),
    (D("0"), False),
    ("", None),
    ("maybe", "!not_a_boolean"),
    (2, "!not_a_boolean"),
)

GENDER = (
    ("m", "M"),
    ("F", "F"),
    ("u", "U"),
    ("male", "M"),
    ("Female", "F"),
    ("UNKNOWN", "U"),
    ("man", "M"),
    ("Vrouw", "F"),
    ("v", "F"),
    ("onbekend", "U"),
    ("männlich", "M"),
    ("Weiblich", "F"),
    ("w", "F"),
    (" m ", "M"),
    ("", None),
    ("x", "!unknown_gender"),
    ("Dhr.", "!unknown_gender"),
    (1, "!unknown_gender"),
    (True, "!unknown_gender"),
)

CURRENCY = (
    ("EUR", "EUR"),
    ("eur", "EUR"),
    (" Usd ", "USD"),
    ("GBP", "GBP"),
    ("JPY", "JPY"),
    ("", None),
    ("XQQ", "!unknown_currency"),
    ("NLG", "!unknown_currency"),
    ("€", "!unknown_currency"),
    ("EURO", "!unknown_currency"),
    ("978", "!unknown_currency"),
    (978, "!unknown_currency"),
)

COUNTRY = (
    ("NL", "NL"),
    ("nl", "NL"),
    ("no", "NO"),
    ("NLD", "NL"),
    ("gbr", "GB"),
    ("UK", "GB"),
    ("uk", "GB"),
    ("GB", "GB"),
    (" be ", "BE"),
    ("EL", "GR"),
    ("", None),
    ("XX", "!unknown_country"),
    ("Holland", "!unknown_country"),
    ("Netherlands", "!unknown_country"),
    ("528", "!unknown_country"),
    (False, "!unknown_country"),
)

LANGUAGE = (
    ("nl-NL", "nl-NL"),
    ("nl_NL", "nl-NL"),
    ("NL-nl", "nl-NL"),
    ("nl-nl", "nl-NL"),
    ("nl", "nl-NL"),
    ("NL", "nl-NL"),
    ("nl_BE", "nl-BE"),
    ("en", "en-GB"),
    ("en_US", "en-US"),
    ("en-UK", "en-GB"),
    ("de", "de-DE"),
    ("de_AT", "de-AT"),
    ("fr", "fr-FR"),
    ("fr-CA", "fr-CA"),
    ("da", "da-DK"),
    ("sv", "sv-SE"),
    ("nld-NLD", "nl-NL"),
    ("dut", "nl-NL"),
    ("eng", "en-GB"),
    ("nl_NL.UTF-8", "nl-NL"),
    ("de_DE@euro", "de-DE"),
    ("zh-Hant-TW", "zh-TW"),
    ("pt_BR", "pt-BR"),
    (" nl_NL ", "nl-NL"),
    ("", None),
    ("xx", "!unknown_language"),
    ("xx-NL", "!unknown_language"),
    ("nl-XX", "!unknown_language"),
    ("Dutch", "!unknown_language"),
    ("nl NL", "!unknown_language"),
    ("nl-NL-x", "!unknown_language"),
    ("eo", "!unknown_language"),
    ("\u017fk", "!unknown_language"),
    (1, "!unknown_language"),
)

EMAIL = (
    ("eva@example.com", "eva@example.com"),
    ("Eva@Example.COM", "eva@example.com"),
    ("  eva@example.com\n", "eva@example.com"),
    ("eva\u200b@example.com", "eva@example.com"),
    ("\ufeffeva@example.com", "eva@example.com"),
    ("e\u0301va@example.com", "éva@example.com"),
    ("eva+news@example.co.uk", "eva+news@example.co.uk"),
    ("o'neill@example.com", "o'neill@example.com"),
    ("eva_vries@ex-ample.com", "eva_vries@ex-ample.com"),
    ("eva@münchen.de", "eva@münchen.de"),
    ("EVA@MÜNCHEN.DE", "eva@münchen.de"),
    ("eva@xn--mnchen-3ya.de", "eva@münchen.de"),
    (HASH, HASH),
    (HASH.upper(), HASH),
    (" " + HASH + " ", HASH),
    ("a@b.nl", "a@b.nl"),
    ("", None),
    ("   ", None),
    ("\u200b", None),
    ("eva", "!invalid_email"),
    ("eva@", "!invalid_email"),
    ("@example.com", "!invalid_email"),
    ("eva@example", "!invalid_email"),
    ("eva@localhost", "!invalid_email"),
    ("eva@shop.invalid", "!invalid_email"),
    ("eva@example..com", "!invalid_email"),
    ("eva..vries@example.com", "!invalid_email"),
    (".eva@example.com", "!invalid_email"),
    ("eva.@example.com", "!invalid_email"),
    ("eva@-example.com", "!invalid_email"),
    ("eva vries@example.com", "!invalid_email"),
    ("eva@exam ple.com", "!invalid_email"),
    ("Eva <eva@example.com>", "!invalid_email"),
    ("mailto:eva@example.com", "!invalid_email"),
    ("eva@example.com; jan@example.com", "!invalid_email"),
    ("eva@example.com,jan@example.com", "!invalid_email"),
    ("eva@[127.0.0.1]", "!invalid_email"),
    ("eva@example.123", "!invalid_email"),
    ("x" * 65 + "@example.com", "x" * 65 + "@example.com"),
    ("x" * 255 + "@example.com", "!invalid_email"),
    ("eva@" + "x" * 64 + ".com", "!invalid_email"),
    ("eva\x00@example.com", "!invalid_email"),
    ("eva\ud83d@example.com", "!invalid_email"),
    (HASH[:-1], "!invalid_email"),
    (42, "!invalid_email"),
    (b"eva@example.com", "!invalid_email"),
)

PHONE = (
    ("+31612345678", "+31612345678"),
    ("0612345678", "0612345678"),
    ("06-12345678", "06-12345678"),
    ("+31-6-12345678", "+31-6-12345678"),
    ("0031612345678", "0031612345678"),
    (" 0612345678 ", "0612345678"),
    ("(020) 123 45 67", "0201234567"),
    ("020 123.45.67", "0201234567"),
    ("020/1234567", "0201234567"),
    ("06\u20112345678", "06-2345678"),
    ("+31 6 1234 5678", "+31612345678"),
    ("+31 (0)20 123 4567", "+31201234567"),
    ("+49 (0) 89 / 123456", "+4989123456"),
    (612345678, "612345678"),
    ("", None),
    (" ", None),
    ("112", "!invalid_phone"),
    ("1234567890123456", "!invalid_phone"),
    ("+316", "!invalid_phone"),
    ("+31 6 12345678901234", "!invalid_phone"),
    ("+31 6-1234 5678", "+316-12345678"),
    ("+31 (0)6", "!invalid_phone"),
    ("+999 (0)20 123 4567", "!invalid_phone"),
    ("+31 (0)20 FLOWERS", "!invalid_phone"),
    ("+1 (212) 555-0100", "+12125550100"),
    ("call me", "!invalid_phone"),
    ("+1-800-FLOWERS", "!invalid_phone"),
    ("06 12345678 x12", "!invalid_phone"),
    ("06--12345678", "!invalid_phone"),
    ("+", "!invalid_phone"),
    ("٠٦١٢٣٤٥٦٧٨", "!invalid_phone"),
    ("0" * 200, "!invalid_phone"),
    (1.5, "!invalid_phone"),
    (True, "!invalid_phone"),
)

DATE = (
    (date(1988, 2, 29), "1988-02-29"),
    (date(1, 1, 1), "0001-01-01"),
    (datetime(1988, 2, 29, 23, 59), "1988-02-29"),
    (datetime(1988, 2, 29, 23, 30, tzinfo=UTC), "1988-02-29"),
    ("1988-02-29", "1988-02-29"),
    (" 1988-02-29 ", "1988-02-29"),
    ("1988-02-29 00:00:00", "1988-02-29"),
    ("1988-02-29T00:00:00Z", "1988-02-29"),
    ("29-02-1988", "1988-02-29"),
    ("", None),
    ("1987-02-29", "!not_a_date"),
    ("0000-00-00", "!not_a_date"),
    ("1988-13-01", "!not_a_date"),
    ("1988-2-9", "!not_a_date"),
    ("29/02/1988", "!not_a_date"),
    ("02.29.1988", "!not_a_date"),
    ("19880229", "!not_a_date"),
    ("1988-W09-1", "!not_a_date"),
    ("yesterday", "!not_a_date"),
    ("infinity", "!not_a_date"),
    (19880229, "!not_a_date"),
    (True, "!not_a_date"),
)

DATETIME = (
    (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05+00:00"),
    (datetime(2024, 1, 2, 3, 4, 5, 678901), "2024-01-02T03:04:05.678901+00:00"),
    (datetime(2024, 1, 2, 3, 4, 5, 600000), "2024-01-02T03:04:05.600000+00:00"),
    (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "2024-01-02T03:04:05+00:00"),
    (datetime(2024, 1, 2, 3, 4, 5, tzinfo=PLUS_TWO), "2024-01-02T03:04:05+02:00"),
    (datetime(1, 1, 1), "0001-01-01T00:00:00+00:00"),
    (datetime(9999, 12, 31, 23, 59, 59, 999999), "9999-12-31T23:59:59.999999+00:00"),
    ("2024-01-02 03:04:05", "2024-01-02T03:04:05+00:00"),
    ("2024-01-02T03:04:05", "2024-01-02T03:04:05+00:00"),
    ("2024-01-02 03:04", "2024-01-02T03:04:00+00:00"),
    ("2024-01-02 03:04:05.000000", "2024-01-02T03:04:05+00:00"),
    ("2024-01-02 03:04:05.678901", "2024-01-02T03:04:05.678901+00:00"),
    ("2024-01-02 03:04:05.678", "2024-01-02T03:04:05.678000+00:00"),
    ("2024-01-02 03:04:05.6", "2024-01-02T03:04:05.600000+00:00"),
    ("2024-01-02 03:04:05,678", "2024-01-02T03:04:05.678000+00:00"),
    ("2024-01-02 03:04:05.678901999", "2024-01-02T03:04:05.678901+00:00"),
    ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05+00:00"),
    ("2024-01-02 03:04:05 UTC", "2024-01-02T03:04:05+00:00"),
    ("2024-01-02 03:04:05+02", "2024-01-02T03:04:05+02:00"),
    ("2024-01-02 03:04:05+0200", "2024-01-02T03:04:05+02:00"),
    ("2024-01-02 03:04:05-05:30", "2024-01-02T03:04:05-05:30"),
    ("2024-01-02 03:04:05.5+02:00", "2024-01-02T03:04:05.500000+02:00"),
    (" 2024-01-02 03:04:05 ", "2024-01-02T03:04:05+00:00"),
    (1704164645, "2024-01-02T03:04:05+00:00"),
    ("", None),
    ("2024-01-02", "!not_a_datetime"),
    ("2024-01-02 24:00:00", "!not_a_datetime"),
    ("2024-02-30 00:00:00", "!not_a_datetime"),
    ("0000-00-00 00:00:00", "!not_a_datetime"),
    ("2024-01-02 03:04:60", "!not_a_datetime"),
    ("2024-W01-2T03:04:05", "!not_a_datetime"),
    ("20240102T030405", "!not_a_datetime"),
    ("02-01-2024 03:04:05", "!not_a_datetime"),
    ("2024-01-02 03:04:05 CET", "!not_a_datetime"),
    ("2024-01-02 03:04:05+25:00", "!not_a_datetime"),
    ("infinity", "!not_a_datetime"),
    (date(2024, 1, 2), "!not_a_datetime"),
    (1704164645000, "!not_a_datetime"),
    (0, "!not_a_datetime"),
    (-1, "!not_a_datetime"),
    (True, "!not_a_datetime"),
    (1704164645.5, "!not_a_datetime"),
)

PLAIN = (
    ("as it is ", "as it is "),
    ("", None),
    ("\x00", "!control_characters"),
    ("\ud800", "!not_unicode"),
    (7, 7),
    (2**53 + 1, 2**53 + 1),
    (2**80, 2**80),
    (1.5, 1.5),
    (-0.0, 0.0),
    (float("inf"), "!not_finite"),
    (D("12.50"), D("12.50")),
    (D("-0.0"), D("0.0")),
    (True, True),
    (False, False),
    (date(2024, 1, 2), "2024-01-02"),
    (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05+00:00"),
    (time(3, 4, 5), "03:04:05"),
    (SOME_UUID, str(SOME_UUID)),
    (b"\x01", "!unsupported_type"),
    (memoryview(b"x"), "!unsupported_type"),
    (timedelta(days=1), "!unsupported_type"),
    (1j, "!unsupported_type"),
    (frozenset({1}), "!unsupported_type"),
    (range(3), "!unsupported_type"),
)

TABLES = {
    "text": TEXT,
    "number": NUMBER,
    "integer": INTEGER,
    "decimal": DECIMAL,
    "yes_no": YES_NO,
    "boolean": BOOLEAN,
    "gender": GENDER,
    "currency": CURRENCY,
    "country": COUNTRY,
    "language": LANGUAGE,
    "email": EMAIL,
    "phone": PHONE,
    "date": DATE,
    "datetime": DATETIME,
    None: PLAIN,
}
CASES = [(type_name, value, wanted) for type_name, table in TABLES.items() for value, wanted in table]

# Values that no literal can stand for in a dict or that need more than a type.
BY_KIND = (
    # (value, the column's kind, type, result): SQLite keeps text and integers, the kind says what they are.
    ("2024-01-02 03:04:05", "datetime", None, "2024-01-02T03:04:05+00:00"),
    ("2024-01-02 03:04:05+02:00", "datetime_tz", None, "2024-01-02T03:04:05+02:00"),
    ("2024-01-02", "datetime", None, "!not_a_datetime"),
    ("garbage", "datetime", None, "!not_a_datetime"),
    ("2024-01-02", "date", None, "2024-01-02"),
    ("0000-00-00", "date", None, "!not_a_date"),
    ("2024-01-02 03:04:05", "text", None, "2024-01-02 03:04:05"),
    ("2024-01-02 03:04:05", None, None, "2024-01-02 03:04:05"),
    (1, "boolean", None, 1),
    (0, "boolean", None, 0),
    (5, "boolean", None, 5),
    (True, "boolean", None, True),
    (b"\x01", "boolean", None, True),
    (b"\x00", "boolean", None, False),
    (b"\x02", "boolean", None, "!unsupported_type"),
    (b"\x01", "bytes", None, "!unsupported_type"),
    (timedelta(hours=3, minutes=4), "time", None, "03:04:00"),
    (timedelta(hours=30), "time", None, "!unsupported_type"),
    (timedelta(hours=-1), "time", None, "!unsupported_type"),
    ('{"a": [1, 2.50, "x", null, true]}', "json", None, {"a": [1, D("2.50"), "x", None, True]}),
    ("[1, 2]", "json", None, [1, 2]),
    ("{broken", "json", None, "!not_json"),
    ("[NaN]", "json", None, "!not_json"),
    ("[1e999999]", "json", None, "!not_json"),
    ("[" + "9" * 5000 + "]", "json", None, "!not_json"),
    ("[" * 40 + "]" * 40, "json", None, "!not_json"),
    ("[" * 100_000, "json", None, "!not_json"),
    ('["\\ud800"]', "json", None, "!not_unicode"),
    ('["\\u0000"]', "json", None, "!control_characters"),
    ({"a": {"b": 1.5}}, "json", None, {"a": {"b": 1.5}}),
    ({"a": float("nan")}, "json", None, "!not_finite"),
    ({1: 2}, "json", None, "!not_json"),
    ({"\ud800": 2}, "json", None, "!not_unicode"),
    ({"a": b"x"}, "json", None, "!unsupported_type"),
    ([1, "a", None, D("1.5")], None, None, [1, "a", D("1.5")]),
    ([date(2024, 1, 2), SOME_UUID], None, None, ["2024-01-02", str(SOME_UUID)]),
    ([datetime(2024, 1, 2)], None, None, ["2024-01-02T00:00:00+00:00"]),
    ([], None, None, None),
    ([None], None, None, None),
    ([[1]], None, None, "!not_a_list"),
    ([b"x"], None, None, "!unsupported_type"),
    (["\x00"], None, None, "!control_characters"),
    ([float("inf")], None, None, "!not_finite"),
    ("[1, 2]", None, "list", [1, 2]),
    ('["a", null]', None, "list", ["a"]),
    ("[1", None, "list", "!not_a_list"),
    ("a,b", None, "list", "!not_a_list"),
    ("a;b", None, "list", "!not_a_list"),
    ("shoes", None, "list", ["shoes"]),
    (12, None, "list", [12]),
    ("", None, "list", None),
    ({"a": 1}, None, "list", "!not_a_list"),
    ((1, 2), None, "list", [1, 2]),
    (b"x", None, "list", "!unsupported_type"),
    ("[]", None, "list", None),
    ('{"a": 1}', None, "json", {"a": 1}),
    ("12.50", None, "json", D("12.50")),
    ('"text"', None, "json", "text"),
    ("null", None, "json", None),
    ("", None, "json", None),
    ("text", None, "json", "!not_json"),
    ([1, [2]], None, "json", [1, [2]]),
    (["a"], None, "text", "!not_text"),
    ({"a": 1}, None, "text", "!not_text"),
    # A driver that gives naive values for a column with a zone gives them in UTC, whatever source.timezone says.
    (datetime(2024, 7, 1, 12), "datetime_tz", "datetime", "2024-07-01T12:00:00+00:00"),
)


def _shown(one: object) -> str:
    return "memoryview" if isinstance(one, memoryview) else ascii(one)[:40]


@pytest.mark.parametrize(("type_name", "value", "wanted"), CASES, ids=_shown)
def test_a_value_becomes(convert: Callable[..., object], type_name: str | None, value: object, wanted: object) -> None:
    """B4, B5, B6, B7, B8, B9, B10, B11, B13, B14, B15, B17, B18, B19, B22."""
    result = convert(value, type_name)
    assert (type(result), result) == (type(wanted), wanted)
    # Decimal('1.50') == Decimal('1.5'), but the digits matter.
    assert str(result) == str(wanted)


@pytest.mark.parametrize(("value", "kind", "type_name", "wanted"), BY_KIND, ids=_shown)
def test_a_value_is_read_by_what_the_column_declares(
    convert: Callable[..., object], value: object, kind: str | None, type_name: str | None, wanted: object
) -> None:
    """B9, B11, B12, B13."""
    result = convert(value, type_name, kind=kind)
    assert (type(result), result) == (type(wanted), wanted)
    assert str(result) == str(wanted)


@pytest.mark.parametrize("value", MISSING, ids=repr)
@pytest.mark.parametrize("type_name", TABLES)
def test_a_missing_value_leaves_the_field_out(
    run_field: Callable[..., object], type_name: str | None, value: object
) -> None:
    """B1, B16: NaN, NaT and NA are missing, not text and not a problem."""
    for column in ([value], [value, None], [value, "x@y.nl"], [value, 1], [value, D(1)]):
        outcome = run_field(column, type_name)
        assert outcome.column[0] is None
        assert [problem for problem in outcome.problems if problem.row == 0] == []


def test_there_are_enough_examples() -> None:
    assert len(CASES) + len(BY_KIND) >= 300


def test_the_languages_that_have_a_main_country_are_those_of_iso() -> None:
    """They are taken as languages without asking the list, which takes its time to load."""
    languages, countries = zip(*(locale.split("-") for locale in MAIN_COUNTRIES.split()), strict=True)
    assert all(pycountry.languages.get(alpha_2=language) for language in languages)
    assert all(pycountry.countries.get(alpha_2=country) for country in countries)

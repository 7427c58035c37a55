"""Chooses the conversion for each type of the mapping language and each kind of column.

The rule: every type of `etl.mapping.catalogue` is in this one table.
"""

from __future__ import annotations

from collections.abc import Callable

from etl.transform import closed_list
from etl.transform.apply import Rule
from etl.transform.email import EmailRule
from etl.transform.json_value import JsonRule, ListRule
from etl.transform.language import LanguageRule
from etl.transform.moment import DateRule, DatetimeRule
from etl.transform.number import NumberRule
from etl.transform.phone import PhoneRule
from etl.transform.plain import PlainRule
from etl.transform.text import TextRule
from etl.transform.uuid_text import UuidRule
from etl.transform.zone import LocalTime


def rule_for(
    type_name: str | None,
    *,
    kind: str | None,
    zone: LocalTime,
    digits: int | None = None,
    decimal_separator: str = ".",
) -> Rule:
    """The rule of `type_name` (None: no declared type) for values of a column of `kind`.

    `digits`: the column's integers are texts of so many digits. `decimal_separator` is that of numbers in texts.
    """
    datetimes = DatetimeRule(zone, column_is_utc=kind == "datetime_tz")
    dates = DateRule(zone)
    table: dict[str | None, Callable[[], Rule]] = {
        None: lambda: PlainRule(kind, datetimes=datetimes, dates=dates),
        "text": lambda: TextRule(datetimes, digits=digits, is_time=kind == "time"),
        "integer": lambda: NumberRule("integer", decimal_separator=decimal_separator),
        "number": lambda: NumberRule("number", decimal_separator=decimal_separator),
        "decimal": lambda: NumberRule("decimal", decimal_separator=decimal_separator),
        "boolean": closed_list.boolean,
        "uuid": UuidRule,
        "yes_no": closed_list.yes_no,
        "date": lambda: dates,
        "datetime": lambda: datetimes,
        "email": EmailRule,
        "language": LanguageRule,
        "currency": closed_list.currency,
        "country": closed_list.country,
        "gender": closed_list.gender,
        "phone": lambda: PhoneRule(digits=digits),
        "list": lambda: ListRule(datetimes, kind=kind),
        "json": lambda: JsonRule(kind),
    }
    return table[type_name]()

"""Language and country as the receiver writes them: `nl-NL`.

The rule: ISO 639-1 and ISO 3166-1 alpha-2, or a problem. `nl_NL`, `NL-nl`, `nl_NL.UTF-8`, `nld-NLD`, `zh-Hant-TW` (the
script is dropped), `nl_NL_formal` (so is a variant) and Java's old `iw` and `in` are understood. A bare language takes
the country of the table below, which is ours: the one that a European shop means (so en-GB and pt-PT; write
`map: {en: en-US}` for another), or the one of its script (`zh-Hant` is zh-TW). Any other bare language is a problem,
and so is a code in capitals that names a country where that language is not at home: `BE` and `UK` are countries in the
wrong column.
"""

from __future__ import annotations

import re

from etl.mapping.codes import LANGUAGES
from etl.transform.cells import Cells
from etl.transform.closed_list import countries
from etl.transform.problem import RefusedValueError

_LOCALE = re.compile(
    r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2,3}))?(?:[-_][A-Za-z0-9]{4,8})*(?:[.@][A-Za-z0-9@.=-]*)?",
    re.ASCII,
)

MAIN_COUNTRIES = """
af-ZA am-ET ar-EG az-AZ be-BY bg-BG bn-BD bs-BA ca-ES cs-CZ cy-GB da-DK de-DE el-GR en-GB es-ES et-EE eu-ES fa-IR fi-FI
fo-FO fr-FR fy-NL ga-IE gd-GB gl-ES gu-IN he-IL hi-IN hr-HR hu-HU hy-AM id-ID is-IS it-IT ja-JP ka-GE kk-KZ km-KH kn-IN
ko-KR ky-KG lb-LU lo-LA lt-LT lv-LV mk-MK ml-IN mn-MN mr-IN ms-MY mt-MT my-MM nb-NO ne-NP nl-NL nn-NO no-NO pa-IN pl-PL
ps-AF pt-PT rm-CH ro-RO ru-RU si-LK sk-SK sl-SI so-SO sq-AL sr-RS sv-SE sw-TZ ta-IN te-IN tg-TJ th-TH tk-TM tl-PH tr-TR
uk-UA ur-PK uz-UZ vi-VN xh-ZA yo-NG zh-CN zu-ZA
"""


# Where a language is at home when it is written in this script (CLDR's likely subtags).
_COUNTRY_OF_SCRIPT = {
    ("az", "arab"): "IR",
    ("kk", "arab"): "CN",
    ("ky", "arab"): "CN",
    ("mn", "mong"): "CN",
    ("pa", "arab"): "PK",
    ("tg", "arab"): "PK",
    ("uz", "arab"): "AF",
    ("zh", "hant"): "TW",
}

# Codes that ISO 639-1 withdrew, which Java and old systems still write.
_OLD_LANGUAGES = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}


class LanguageRule:
    """Type language."""

    repeats = True

    def __init__(self) -> None:
        self._countries = countries()
        self._languages = {spelling: two for two, others in LANGUAGES.items() for spelling in (two, *others)}
        self._main = dict(locale.split("-") for locale in MAIN_COUNTRIES.split())

    def ordinary(self, cells: Cells) -> None:  # noqa: ARG002  # the protocol's signature
        """Columns of few distinct values are settled by value."""
        return

    def value(self, value: object) -> object | None:
        """Raises RefusedValueError (unknown_language)."""
        if not isinstance(value, str):
            raise RefusedValueError("unknown_language", f"a value of type {type(value).__name__} is not a language")
        if not value.strip():
            return None
        found = _LOCALE.fullmatch(value.strip().lower())
        language = self._language(found[1]) if found else None
        if found is None or language is None:
            raise RefusedValueError("unknown_language", "the value is not an ISO 639-1 language with a country")
        if value.strip().isupper() and found[3] is None and self._is_elsewhere(value.strip().lower(), language):
            raise RefusedValueError("unknown_language", "the value is a country, where its language is not at home")
        if found[3] is None:
            country = _COUNTRY_OF_SCRIPT.get((language, found[2] or "")) or self._main.get(language)
        else:
            country = self._countries.get(found[3])
        if country is None:
            without = (
                "names no country, and the language has none of its own"
                if found[3] is None
                else "has no ISO 3166-1 country"
            )
            raise RefusedValueError("unknown_language", f"the value {without}")
        return f"{language}-{country}"

    def _is_elsewhere(self, code: str, language: str) -> bool:
        country = self._countries.get(code)
        return country is not None and self._main.get(language) != country

    def _language(self, code: str) -> str | None:
        code = _OLD_LANGUAGES.get(code, code)
        return code if code in self._main else self._languages.get(code)

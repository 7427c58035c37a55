"""The step `title`: names as people write them.

The rule: only a word that is all upper or all lower case is touched, since a word of mixed case was written so by a
person: `McDonald`, `LeBron`, `IJsbrand`, `Jansen-de` stay. A touched word begins with a capital and goes on in lower
case, with these exceptions:

*   After a hyphen, a point, a comma, `/`, `&` and `+`, and after an apostrophe that follows a single letter or an
    Italian article, a new capital begins: `anne-marie` → `Anne-Marie`, `j.p.` → `J.P.`, `o'neill` → `O'Neill`,
    `dell'acqua` → `Dell'Acqua`, but `jan's` → `Jan's`.
*   Particles of surnames (van, der, de, von, …) stay small unless they come first, also after a hyphen:
    `JAN VAN DEN BERG` → `Jan van den Berg`, `JANSEN-DE VRIES` → `Jansen-de Vries`, `van der berg` → `Van der Berg`.
*   What begins with an apostrophe stays small: `'t hart` → `'t Hart`, `'S-HERTOGENBOSCH` → `'s-Hertogenbosch`.
*   `ß` counts as a capital among capitals: `GROßMANN` → `Großmann`.
*   `MCDONALD` → `McDonald`; `MACDONALD` stays `Macdonald`, for `MACHIEL` and `MACE` are names too.
*   In a word that has the dotted İ, I is the capital of the dotless i.
*   `ij` at the beginning is one letter: `IJMUIDEN` → `IJmuiden`.
*   Up to three capitals without a vowel are initials (`JP`, `BV`), and Roman numerals behind a name stay: `HENRY VIII`.
"""

from __future__ import annotations

import re


def lower(text: str) -> str:
    """`text` in lower case; `İ` becomes `i`."""
    return text.replace("\u0130", "i").lower() if "\u0130" in text else text.lower()


def capital(letter: str) -> str:
    """The capital of one letter: title case, so that dž has one of its own; a letter whose capital is two (ß) stays."""
    found = letter.title()
    return found if len(found) == 1 else letter


_PARTICLES = frozenset(
    re.findall(
        r"\w+",
        "aan af am an auf bei bij da dalla das de degli del dell della den der des di do dos du el en im in la le les "
        "los ob on op sous sur te ten ter tot uit und upon van vande vanden vander vom von voor y zu zum zur",
    )
)
_DOTTED = "\u0130"
_WORD = re.compile(r"\S+")
# Also what people type for one: the acute accent, the prime and the letter that looks like it.
_APOSTROPHES = "'\u2019\u2018`\u00b4\u2032\u02bc"
_BORDER = re.compile(r"([-\u2010\u2011\u2013.,/&+])")
# Articles that lose their vowel before a name.
_ELIDED = frozenset({"all", "dall", "dell", "nell"})
_INITIALS = re.compile(r"[BCDFGHJKLMNPQRSTVWXZ]{1,3}")
_ROMAN = re.compile(r"(?=..)X{0,3}(?:IX|IV|V?I{0,3})")
# In lower case these are names as well: Vi, Xi, Xx.
_ALSO_NAMES = frozenset({"vi", "xi", "xv", "xx"})


def title(text: str) -> str:
    """`text` with capitals as in names. White space stays as it is; the text becomes no longer."""
    first = True

    def one(found: re.Match[str]) -> str:
        nonlocal first
        word, comes_first = found.group(), first
        first = False
        return _word(word, comes_first=comes_first) if _is_of_one_case(word) else word

    return _WORD.sub(one, text)


def _is_of_one_case(word: str) -> bool:
    # The capital of ß is hardly ever written.
    return word.islower() or word.isupper() or word.replace("ß", "").isupper()


def _word(word: str, *, comes_first: bool) -> str:
    if _INITIALS.fullmatch(word):
        return word
    if not comes_first and _ROMAN.fullmatch(word.upper()) and word not in _ALSO_NAMES:
        return word.upper()
    pieces = _BORDER.split(word.replace("I", "\u0131") if _DOTTED in word else word)
    made = "".join(
        piece if at % 2 else _part(lower(piece), may_be_particle=not comes_first or at > 0)
        for at, piece in enumerate(pieces)
    )
    if _DOTTED not in word:
        return made
    # The capital of the dotted i is a letter of its own.
    return "".join(old if old == _DOTTED and new == "I" else new for old, new in zip(word, made, strict=True))


def _part(part: str, *, may_be_particle: bool) -> str:
    if may_be_particle and part in _PARTICLES:
        return part
    if part[:1] and part[0] in _APOSTROPHES:
        return part
    if len(part) > 2 and part[1] in _APOSTROPHES:
        return capital(part[0]) + part[1] + _begun(part[2:])
    for apostrophe in _APOSTROPHES:
        article, _, name = part.partition(apostrophe)
        if name and article in _ELIDED:
            return capital(article[0]) + article[1:] + apostrophe + _begun(name)
    # The first letter may stand behind a parenthesis or quotation mark.
    for at, letter in enumerate(part):
        if letter.isalnum():
            return part[:at] + _begun(part[at:])
    return part


def _begun(part: str) -> str:
    if part.startswith("ij"):
        return "IJ" + part[2:]
    if part.startswith("mc") and len(part) > 4:
        return "Mc" + capital(part[2]) + part[3:]
    return capital(part[0]) + part[1:]

"""The step `title`: names as people write them.

The rule: every word begins with a capital and goes on in lower case, with these exceptions. After a hyphen, and after
an apostrophe that follows a single letter, a new capital begins: `anne-marie` → `Anne-Marie`, `o'neill` → `O'Neill`,
but `jan's` → `Jan's`. Particles of surnames (van, der, de, von, …) stay in lower case unless they come first:
`van der berg` → `Van der Berg`, `JAN VAN DEN BERG` → `Jan van den Berg`. A word that begins with an apostrophe stays
small: `'t hart` → `'t Hart`.
"""

from __future__ import annotations

import re

_PARTICLES = frozenset(
    re.findall(
        r"\w+",
        "aan af bij da das de del della den der des di do dos du el en in la le les op te ten ter tot uit van vande "
        "vanden vander vom von voor y zu zum zur",
    )
)
_WORD = re.compile(r"\S+")
_APOSTROPHES = "'\u2019\u2018`"


def title(text: str) -> str:
    """`text` with capitals as in names. White space stays as it is."""
    first = True

    def one(found: re.Match[str]) -> str:
        nonlocal first
        word = found.group().lower()
        if word in _PARTICLES and not first:
            return word
        first = False
        return word if word[0] in _APOSTROPHES else "-".join(map(_part, word.split("-")))

    return _WORD.sub(one, text)


def _part(part: str) -> str:
    if len(part) > 2 and part[1] in _APOSTROPHES:
        return _capital(part[0]) + part[1] + _capital(part[2]) + part[3:]
    # The first letter may stand behind a parenthesis or quotation mark.
    for at, letter in enumerate(part):
        if letter.isalnum():
            return part[:at] + _capital(letter) + part[at + 1 :]
    return part


def _capital(letter: str) -> str:
    # Title case, not upper: a digraph such as dž has one of its own. A letter whose capital is two (ß) stays.
    capital = letter.title()
    return capital if len(capital) == 1 else letter

"""The step `title`: only words that are all upper or all lower case are touched, and names keep their own rules."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.transform.title import title

UNCHANGED = (
    *("J.P.", "A.B.", "JP", "BV", "IJsbrand", "'s-Hertogenbosch", "Jansen-de Vries", "McDonald", "LeBron"),
    *(
        "Henry VIII",
        "Willem II",
        "O'Neill",
        "d'Arcy",
        "Vincent van Gogh",
        "MacArthur",
        "DeShawn",
        "ß",
        "McGroß",
        "李",
    ),
    *("Anne-Marie", "Jean-de-Dieu", "Louis XIV", "J.R.R. Tolkien", "iPhone"),
)
TABLE = (
    ("IJMUIDEN", "IJmuiden"),
    ("ijsbrand", "IJsbrand"),
    ("İBRAHİM", "İbrahim"),
    ("IRMAK", "Irmak"),
    ("HENRY VIII", "Henry VIII"),
    ("henry viii", "Henry VIII"),
    ("'S-HERTOGENBOSCH", "'s-Hertogenbosch"),
    ("'s-gravenhage", "'s-Gravenhage"),
    ("JANSEN-DE VRIES", "Jansen-de Vries"),
    ("jansen-van den berg", "Jansen-van den Berg"),
    ("JAN VAN DEN BERG", "Jan van den Berg"),
    ("van der berg", "Van der Berg"),
    ("ANNE-MARIE", "Anne-Marie"),
    ("'t hart", "'t Hart"),
    ("JAN 'T HART", "Jan 't Hart"),
    ("o'neill", "O'Neill"),
    ("j.p. jansen", "J.P. Jansen"),
    ("VON UND ZU GUTTENBERG", "Von und zu Guttenberg"),
    ("FRANKFURT AM MAIN", "Frankfurt am Main"),
    ("stoke-on-trent", "Stoke-on-Trent"),
    ("DELL'ACQUA", "Dell'Acqua"),
    ("JAN&PIET", "Jan&Piet"),
    ("jan/piet", "Jan/Piet"),
    ("J.JANSEN", "J.Jansen"),
    ("jan's", "Jan's"),
    ("EVA", "Eva"),
    ("BO", "Bo"),
    ("MEI XI", "Mei XI"),
    ("mei xi", "Mei Xi"),
    ("(EVA)", "(Eva)"),
    ("zoë", "Zoë"),
    ("GROßMANN", "Großmann"),
    ("MÜLLER-GROß", "Müller-Groß"),
    ("JAN\u2013PIET", "Jan\u2013Piet"),
    ("MCDONALD", "McDonald"),
    ("mcgregor-o'mckay", "McGregor-O'McKay"),
    ("MACHIEL", "Machiel"),
    ("MACDONALD", "Macdonald"),
    ("MCD", "MCD"),
    ("o\u00b4brien", "O\u00b4Brien"),
    ("O\u2032NEILL", "O\u2032Neill"),
    ("o\u02bcneill", "O\u02bcNeill"),
    ("\u00b4T HART", "\u00b4t Hart"),
    ("JANSEN,JAN", "Jansen,Jan"),
    ("jansen, jan", "Jansen, Jan"),
    ("DİYARBAKIR", "Diyarbak\u0131r"),
    ("IRMAKLİ", "Irmakli"),
)


@pytest.mark.parametrize("text", UNCHANGED)
def test_what_a_person_wrote_stays(text: str) -> None:
    assert title(text) == text


@pytest.mark.parametrize(("text", "wanted"), TABLE)
def test_capitals_are_as_in_names(text: str, wanted: str) -> None:
    assert title(text) == wanted


@given(st.text())
def test_no_word_of_mixed_case_changes_and_no_text_grows(text: str) -> None:
    result = title(text)
    assert len(result) <= len(text)
    for before, after in zip(text.split(), result.split(), strict=True):
        # ß has no capital that people write.
        if not (before.replace("ß", "").isupper() or before.islower()):
            assert after == before


@given(st.text(alphabet=string.ascii_letters + " '-."))
def test_it_is_settled_after_one_time(text: str) -> None:
    assert title(title(text)) == title(text)


@pytest.mark.parametrize(("text", "wanted"), [("d'", "D'"), ("d'a", "D'A"), ("'s", "'s"), ("x", "X")])
def test_the_shortest_words_with_an_apostrophe(text: str, wanted: str) -> None:
    assert title(text) == wanted

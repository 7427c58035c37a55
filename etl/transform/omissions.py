"""What the events of a page go without, and what in them was taken with a doubt; counted for the books.

The rule: an event counts once for a field and code, however many of its products lack it. An invalid row has no event,
so it counts by its own reason only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable

from etl.transform.problem import Problem

_NUMBER_OF_A_LINE = re.compile(r"\[\d+\]")


def omitted_fields(problems: Iterable[Problem], *, invalid: Container[int]) -> Counter[tuple[str, str]]:
    """The events without a field, by (field, code); rows of `invalid` have no event.

    A field of products is `products.<name>`, a product `products`.
    """
    found = {
        (problem.row, _NUMBER_OF_A_LINE.sub("", problem.field), problem.code)
        for problem in problems
        if problem.omitted and problem.row not in invalid
    }
    return Counter((field, code) for _, field, code in found)


def doubts(problems: Iterable[Problem], *, invalid: Container[int]) -> Counter[str]:
    """The events with a value that was taken with a doubt, by code."""
    found = {
        (problem.row, problem.code)
        for problem in problems
        if not problem.fatal and not problem.omitted and problem.row not in invalid
    }
    return Counter(code for _, code in found)

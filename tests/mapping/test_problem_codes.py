"""Every problem that is reported stands in the closed list, and every one of the list is reported somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from etl.mapping.problem_codes import PROBLEMS

ROOT = Path(__file__).parents[2] / "etl"
# Rooms that make problems, and the calls that carry a code.
ROOMS = ("transform", "job", "delivery", "verdict", "source", "api")
CARRIERS = {"RefusedValueError", "DoubtfulValueError", "Problem", "Refusal", "InvalidRow"}
# Made from a status: the list explains the usual ones.
MADE_FROM_A_STATUS = {f"http_{status}" for status in (400, 401, 402, 403, 404, 409, 422)}


def trees() -> Iterator[ast.AST]:
    for room in ROOMS:
        for file in sorted((ROOT / room).glob("*.py")):
            yield ast.parse(file.read_text(encoding="utf-8"))
    yield ast.parse((ROOT / "page.py").read_text(encoding="utf-8"))


def test_every_code_that_is_reported_is_explained() -> None:
    reported = {
        one.value
        for tree in trees()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in CARRIERS
        for one in [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg in ("code", "reason"))]
        if isinstance(one, ast.Constant)
        and isinstance(one.value, str)
        and re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", one.value)
    }
    assert len(reported) > 15
    assert reported - set(PROBLEMS) == set()


def test_every_code_that_is_explained_is_reported() -> None:
    texts = {one.value for tree in trees() for one in ast.walk(tree) if isinstance(one, ast.Constant)}
    assert set(PROBLEMS) - texts - MADE_FROM_A_STATUS == set()

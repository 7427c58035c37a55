"""Where a file can be changed so that it means something else: operators, numbers, statements, conditions of SQL.

The rule: every change is one that a user could notice. Messages, annotations, assertions and logging stay as they are.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_COMPUTED: dict[type[ast.operator], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "//", ast.FloorDiv: "*", ast.Div: "*", ast.Mod: "+",
    ast.BitOr: "&", ast.BitAnd: "|", ast.LShift: ">>", ast.RShift: "<<",
}  # fmt: skip
_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|ON CONFLICT|ORDER BY)\b")
# A condition keeps its parameters, so that only its meaning goes.
_CONDITION = re.compile(
    r"\b(?:WHERE|AND)\s+(?P<what>[\w.]+ (?:IS NULL|IS NOT NULL"
    r"|(?:=|<>|<=|>=|<|>) (?:\?\d?|ANY\(\?\)|substr\([^)]*\)|[\w.]+(?![\w.(]))))"
)
_SQL_WORDS = [
    (re.compile(r"(?<= )>=(?= )"), ">"), (re.compile(r"(?<= )<=(?= )"), "<"), (re.compile(r"(?<= )<>(?= )"), "="),
    (re.compile(r"(?<= )<(?= )"), "<="), (re.compile(r"(?<= )>(?= )"), ">="),
    (re.compile(r"\bmax\("), "min("), (re.compile(r"\bmin\("), "max("), (re.compile(r" DESC\b"), ""),
    (re.compile(r"(?<=ORDER BY )[\w.]+(?! DESC)"), r"\g<0> DESC"), (re.compile(r" ORDER BY [\w., ]+"), ""),
]  # fmt: skip
# Numbers that bound memory, waiting or the size of a piece: one more changes nothing that a user could tell. And what
# asserts that two sequences are of one length.
_TUNING = re.compile(
    r"\b(REPORT_SECONDS|_PARAMETERS|RESERVE_BYTES|PAGE_BYTES|WAL_BYTES|CACHE_KIB|\w+_REMEMBERED|PIECE\w*|AHEAD"
    r"|_LOOK_EVERY_BYTES|KEYS_A\w+|FIRST_PAGE_ROWS|_SAMPLE_ROWS|_LONGEST_SUSPECT_BACKOFF|PAGE_LETTERS|_AT_ONCE"
    r"|_SPAN_ENTRIES)\b.* = "
    r"|\b(pool_size|max_overflow|connect_timeout|keepalives\w*|digest_size|buffering|maxsize)\W+\d"
    r"|\bstrict=(True|False)|\b(repeats|cache)\b(: bool)? ?= ?(True|False)"  # whether an equal value is worked out anew
)
_LOGGING = re.compile(r"(?i:_?log(ger)?)\.|warnings\.")
# What holds anyway: annotations' imports, and ends that are not reached.
_ASSERTED = re.compile(r"if TYPE_CHECKING:|raise AssertionError\b")


@dataclass(frozen=True, order=True)
class Change:
    """One change of a file: the bytes from `start` to `end` become `new`. `lines` are the lines that it touches."""

    path: str
    line: int
    start: int
    end: int
    old: str
    new: str
    column: int
    last_line: int
    constant: str = ""  # the name at the module's level whose value is changed; "" inside a function

    def __str__(self) -> str:
        shown = [" ".join(text.split()) for text in (self.old, self.new)]
        return f"{self.path}:{self.line}:{self.column}: {shown[0][:90]} -> {shown[1][:90] or '(nothing)'}"

    def applied(self, source: bytes) -> bytes:
        """The file with the change."""
        return source[: self.start] + self.new.encode() + source[self.end :]


def changes(path: Path, name: str) -> list[Change]:
    """Every change of the Python file at `path`, which is called `name`."""
    source = path.read_bytes()
    return sorted(set(_Finder(source, name).all()))


def only_tunes(change: Change, source: bytes) -> bool:
    """Whether `change`, of a file that reads `source`, changes memory, time or an assertion, and not what is done."""
    if change.old.startswith("self._assert_"):
        return True
    line = source.splitlines()[change.line - 1].decode()
    is_number = change.old[0].isdigit() or change.old in {"True", "False"}
    return is_number and _TUNING.search(line) is not None


class _Finder:
    def __init__(self, source: bytes, name: str) -> None:
        self._source = source
        self._name = name
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._constant = ""

    def all(self) -> Iterator[Change]:
        yield from self._within(ast.parse(self._source))

    def _within(self, node: ast.AST) -> Iterator[Change]:
        for child in _meaningful(node):
            if isinstance(node, ast.Module):
                targets = child.targets if isinstance(child, ast.Assign) else [getattr(child, "target", None)]
                names = [
                    each.id for target in targets if target for each in ast.walk(target) if isinstance(each, ast.Name)
                ]
                self._constant = names[0] if names else ""
            yield from self._of(child)
            yield from self._within(child)

    def _of(self, node: ast.AST) -> Iterator[Change]:  # noqa: PLR0912 - one case a kind of node
        match node:
            case ast.Compare(left=left, ops=[op, *_], comparators=[right, *_]):
                yield from self._between(left, right, _COMPARED[type(op)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED and not _is_text(left, right):
                yield from self._between(left, right, _COMPUTED[type(op)])
            case ast.BoolOp(op=op, values=values):
                for left, right in pairwise(values):
                    yield from self._between(left, right, "or" if isinstance(op, ast.And) else "and")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self._change(node, self._text(operand))
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant | ast.NamedExpr):
                    yield self._change(test, f"(not {self._text(test)})")
            case ast.Constant(value=bool() as value):
                yield self._change(node, str(not value))
            case ast.Constant(value=int() as value):
                yield self._change(node, str(value + 1))
                if value > 1:
                    yield self._change(node, str(value - 1))
            case ast.Constant(value=str()) | ast.JoinedStr() if _SQL.search(self._text(node)):
                yield from self._sql(node)
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Delete():
                yield self._change(node, "pass")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
                yield self._change(node, "pass")
            case ast.Continue() | ast.Break():
                yield self._change(node, "break" if isinstance(node, ast.Continue) else "continue")
            case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
                yield self._change(value, "None")
            case ast.Call(args=[first, second]) if _can_be_swapped(node):
                yield self._change_span(first, second, f"{self._text(second)}, {self._text(first)}")
            case _:
                pass

    def _sql(self, node: ast.expr) -> Iterator[Change]:
        text = self._text(node)
        for found in _CONDITION.finditer(text):
            yield self._part(node, found, "what", f"({found['what']} OR true)")
        for pattern, new in _SQL_WORDS:
            for found in pattern.finditer(text):
                yield self._part(node, found, 0, found.expand(new))

    def _part(self, node: ast.expr, found: re.Match[str], group: int | str, new: str) -> Change:
        before = self._text(node)[: found.start(group)]
        start = self._at(node.lineno, node.col_offset) + len(before.encode())
        line = node.lineno + before.count("\n")
        end = start + len(found[group].encode())
        return Change(self._name, line, start, end, found[group], new, self._column(start), line, self._constant)

    def _between(self, left: ast.expr, right: ast.expr, new: str) -> Iterator[Change]:
        assert left.end_lineno is not None
        assert left.end_col_offset is not None
        start, end = self._at(left.end_lineno, left.end_col_offset), self._at(right.lineno, right.col_offset)
        between = self._source[start:end].decode()
        found = re.search(r"[^\s()]+(?: (?:not|in)\b)?", between)
        if found:
            begin = start + len(between[: found.start()].encode())
            end, lines = begin + len(found.group()), (left.lineno, right.lineno)
            yield Change(
                self._name, lines[0], begin, end, found.group(), new, self._column(begin), lines[1], self._constant
            )

    def _change(self, node: ast.AST, new: str) -> Change:
        return self._change_span(node, node, new)

    def _change_span(self, first: ast.AST, last: ast.AST, new: str) -> Change:
        line, end_line = first.lineno, last.end_lineno  # type: ignore[attr-defined]
        start, end = self._at(line, first.col_offset), self._at(end_line, last.end_col_offset)  # type: ignore[attr-defined]
        old, column = self._source[start:end].decode(), self._column(start)
        return Change(self._name, line, start, end, old, new, column, end_line, self._constant)

    def _text(self, node: ast.expr) -> str:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._source[
            self._at(node.lineno, node.col_offset) : self._at(node.end_lineno, node.end_col_offset)
        ].decode()

    def _column(self, at: int) -> int:
        return at - self._starts[bisect_right(self._starts, at) - 1] + 1

    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column


def _meaningful(node: ast.AST) -> Iterator[ast.AST]:
    """The children that are neither annotation, docstring, decorator, assertion, message nor logging."""
    if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "Protocol" for base in node.bases):
        return
    if isinstance(node, ast.Raise | ast.JoinedStr):
        return
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_params", "format_spec"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Assert | ast.Import | ast.ImportFrom):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.Expr) and _LOGGING.match(ast.unparse(child)):
                continue
            if isinstance(child, ast.If | ast.Raise) and _ASSERTED.match(ast.unparse(child)):
                continue
            yield child


def _is_text(*nodes: ast.expr) -> bool:
    return any(
        isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str | bytes) for node in nodes
    )


def _can_be_swapped(call: ast.Call) -> bool:
    # Neither what fails at once, nor what has no order, nor what is the same twice.
    if ast.dump(call.args[0]) == ast.dump(call.args[1]):
        return False
    if getattr(call.func, "id", "") in {"isinstance", "issubclass", "getattr", "cast", "hasattr", "max", "min"}:
        return False
    return not any(
        isinstance(each, ast.Starred | ast.Tuple | ast.List | ast.JoinedStr | ast.Constant) for each in call.args
    )

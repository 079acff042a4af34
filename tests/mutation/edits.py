"""Edits: the small faults that can be put into a source file, found in its syntax tree."""

import ast
from collections.abc import Iterator
from itertools import pairwise, takewhile
from typing import NamedTuple


class Edit(NamedTuple):
    """One fault: bytes `start` to `end` of the file, from `line` on, become `text`; `before` and `after` show it."""

    line: int
    start: int
    end: int
    text: str
    before: str
    after: str

    @property
    def change(self) -> str:
        """Show the fault on one line."""
        return f"{self.before}  →  {self.after}"

    def applied(self, source: bytes) -> bytes:
        """Return the file with this fault."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def edits(source: bytes) -> list[Edit]:
    """Return every fault that the file can have, in the order of its lines."""
    tree = ast.parse(source)
    starts = _line_starts(source)
    found = []
    for node in _walk(tree):
        for text, after in _faults(node):
            found.append(_edit(node, starts, text, after))
    return sorted(found)


Fault = tuple[str, str]
"""The text that takes a node's place, and the same for people."""


def _faults(node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, ast.stmt):
        if _can_be_dropped(node):
            yield "pass", "(dropped)"
        return
    for other in _others(node):
        text = ast.unparse(other)
        yield (text if isinstance(other, ast.Constant) else f"({text})"), text


def _others(node: ast.AST) -> Iterator[ast.expr]:
    """Return the expressions that may take the place of one."""
    match node:
        case ast.Constant(value=value):
            yield from _other_constants(value)
        case ast.Compare():
            yield from _other_comparisons(node)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS and not _is_text(left, right):
            yield ast.BinOp(left, _OPERATORS[type(op)](), right)
        case ast.Call():
            yield from _other_calls(node)
    turned_already = ast.Compare | ast.Constant | ast.UnaryOp
    if getattr(node, "is_condition", False) and isinstance(node, ast.expr) and not isinstance(node, turned_already):
        yield ast.UnaryOp(ast.Not(), node)


_LARGE = 64  # what is larger is a limit, a size or a factor: it becomes twice as large, and not one more


def _other_constants(value: object) -> Iterator[ast.expr]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1 if value < _LARGE else value * 2)


_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
}


def _other_comparisons(node: ast.Compare) -> Iterator[ast.expr]:
    """Move the edge, and turn the comparison round."""
    for place, op in enumerate(node.ops):
        for other in _COMPARISONS[type(op)]:
            yield ast.Compare(node.left, [*node.ops[:place], other(), *node.ops[place + 1 :]], node.comparators)


_OTHER_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_ORDER_IS_FIXED = {"isinstance", "issubclass", "getattr", "cast", "min", "max"}


def _other_calls(node: ast.Call) -> Iterator[ast.expr]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in _OTHER_NAMES:
        yield ast.Call(ast.Name(_OTHER_NAMES[name]), node.args, node.keywords)
    if name in _ORDER_IS_FIXED or any(isinstance(arg, ast.Starred) for arg in node.args):
        return
    for place, (one, two) in enumerate(pairwise(node.args)):
        if ast.dump(one) != ast.dump(two):
            args = [*node.args[:place], two, one, *node.args[place + 2 :]]
            yield ast.Call(node.func, args, node.keywords)


def _is_text(*sides: ast.expr) -> bool:
    return any(
        isinstance(s, ast.JoinedStr) or (isinstance(s, ast.Constant) and isinstance(s.value, str)) for s in sides
    )


def _can_be_dropped(node: ast.stmt) -> bool:
    """Say whether the code goes on, differently, without a statement; without a name that it needs, it would not."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break() | ast.Return(value=None):
            return True
        case ast.Assign(targets=targets):
            return all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets)
    return False


# -- where in the file -------------------------------------------------------------------------------------------------

_CONDITIONED = ast.If | ast.While | ast.IfExp
_UNSEEN = {"annotation", "returns", "decorator_list", "type_comment"}  # nothing of it is carried out on the way


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Return all nodes whose place in the file is known, and which do something."""
    if isinstance(node, ast.JoinedStr):  # before Python 3.12 nobody knows where in the file its parts are
        return
    yield node
    if isinstance(node, _CONDITIONED):
        node.test.is_condition = True  # type: ignore[attr-defined]
    if isinstance(node, ast.comprehension):
        for condition in node.ifs:
            condition.is_condition = True  # type: ignore[attr-defined]
    for field, value in ast.iter_fields(node):
        if field in _UNSEEN or (field == "keywords" and isinstance(node, ast.ClassDef)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_a_check(child):
                yield from _walk(child)


def _is_a_check(node: ast.AST) -> bool:
    """Say whether a part of the code is a check of itself: what it checks is so, with or without it."""
    return isinstance(node, ast.Assert) or (isinstance(node, ast.keyword) and node.arg == "strict")


def _edit(node: ast.AST, starts: list[int], text: str, after: str) -> Edit:
    assert isinstance(node, ast.expr | ast.stmt)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = starts[node.lineno - 1] + node.col_offset
    end = starts[node.end_lineno - 1] + node.end_col_offset
    return Edit(node.lineno, start, end, text, *_shortened(ast.unparse(node), after))


_SHOWN = 60  # characters of what surrounds a difference, on either side


def _shortened(before: str, after: str) -> tuple[str, str]:
    """Leave out what two long texts have in common, far from where they differ."""
    ahead = _alike(before, after)
    behind = _alike(before[ahead:][::-1], after[ahead:][::-1])
    first, last = max(0, ahead - _SHOWN), max(0, behind - _SHOWN)
    return _cut(before, first, len(before) - last), _cut(after, first, len(after) - last)


def _alike(one: str, two: str) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))


def _cut(text: str, start: int, end: int) -> str:
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _line_starts(source: bytes) -> list[int]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts

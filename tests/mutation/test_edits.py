"""Which faults are found in a source file, that each of them is one, and that nothing else changes with it."""

import ast
from pathlib import Path

import pytest

from tests.mutation.edits import edits


def changes(source: str) -> set[tuple[str, str]]:
    return {(edit.before, edit.after) for edit in edits(source.encode())}


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("x = a < b", {("a < b", "a <= b"), ("a < b", "a >= b")}),
        ("x = a == b", {("a == b", "a != b")}),
        ("x = a in b", {("a in b", "a not in b")}),
        ("x = a is None", {("a is None", "a is not None")}),
        ("x = 1", {("1", "2")}),
        ("x = 300", {("300", "600")}),
        ("x = -a", {("-a", "a")}),
        ("x = True", {("True", "False")}),
        ("x = a and b", {("a and b", "a or b")}),
        ("x = not a", {("not a", "a")}),
        ("x = a + b", {("a + b", "a - b")}),
        ("x = a // b", {("a // b", "a * b")}),
        ("x = min(a, b)", {("min(a, b)", "max(a, b)")}),
        ("x = f(a, b)", {("f(a, b)", "f(b, a)")}),
        ("x = a if b else c", {("b", "not b")}),
        ("x = [a for a in b if a]", {("a", "not a")}),
        ("f(a)", {("f(a)", "(dropped)")}),
        ("a.x = b", {("a.x = b", "(dropped)")}),
        ("a += b", {("a += b", "(dropped)")}),
        ("raise a", {("raise a", "(dropped)")}),
        ("while a:\n    break", {("a", "not a"), ("break", "(dropped)")}),
    ],
)
def test_each_kind_of_fault_is_found(source: str, faults: set[tuple[str, str]]) -> None:
    assert changes(source) == faults


@pytest.mark.parametrize(
    "source",
    [
        "x = 'text'",
        "x = 'a' + b",
        'x = f"{a + 1}"',
        "def f(a: Literal[1]) -> Annotated[int, 2]:\n    'A docstring.'\n    return a",
        "@cache(1)\ndef f():\n    return a",
        "class A(B, frozen=True):\n    x = a",
        "x = isinstance(a, b)",
        "x = f(a, a)",
        "x = zip(a, a, strict=True)",
        "assert a < b",
        "x = a",
    ],
)
def test_what_is_no_fault_or_cannot_be_placed_is_left_alone(source: str) -> None:
    assert edits(source.encode()) == []


def test_a_fault_changes_the_place_that_it_names_and_nothing_else() -> None:
    source = "é = 'ü'  # a comment\nif a:\n    x = f(b,\n          c < 1)  # kept\n".encode()
    (fault,) = [edit for edit in edits(source) if edit.change == "c < 1  →  c <= 1"]
    assert fault.line == 4
    assert fault.applied(source) == source.replace(b"c < 1", b"(c <= 1)")


def test_of_a_long_expression_the_difference_is_shown() -> None:
    names = ", ".join(f"argument_{number}" for number in range(40))
    (fault,) = [each for each in edits(f"x = f({names})".encode()) if "argument_9, argument_8" in each.text]
    assert "argument_8, argument_9" in fault.before
    assert "argument_9, argument_8" in fault.after
    assert len(fault.change) < 300


def test_every_fault_of_a_real_file_makes_another_program() -> None:
    source = (Path(__file__).parents[2] / "webhook/core/reviews/verdict.py").read_bytes()
    found = edits(source)
    assert len(found) > 50
    program = ast.dump(ast.parse(source))
    assert all(ast.dump(ast.parse(edit.applied(source))) != program for edit in found)

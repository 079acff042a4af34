"""Every line that Headroom logs at level ERROR has a section in the runbooks, and no section is left over."""

import ast
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from tests.packaging.runbooks import PAGE, ROOT

WEBHOOK: Final = ROOT / "webhook"
LEVELS: Final = frozenset({"error", "exception", "critical", "fatal"})
VALUE = re.compile(r"%(?:\.\d+)?[a-z]")

COMPOSED: Final = {
    ("controllers/gate_probe.py", "%s: %s"): (
        "the API server does not reach Headroom, so no pod can be created where Headroom is asked: …",
    ),
    ("controllers/relist.py", "%s"): ("etcd was put back: …",),
    ("controllers/certificate_reload.py", "%s"): (
        "the certificate expired at …",
        "the certificate is not valid before …",
        "…: cannot be read: …",
        "… with …: cannot be served, …",
        "… with …: replaced while they were read",
        "…: clients cannot be verified by it, it must be certificates in PEM: …",
    ),
    ("state/configuration.py", "%s; %s"): (
        "…; configuration … stays",
        "…; there is none yet, so nothing can be judged",
    ),
}
"""Lines whose text is put together elsewhere: by file and template, the sections that they have instead."""


class Line(NamedTuple):
    """A call that logs at level ERROR: the file from `webhook/`, and the template of its text."""

    file: str
    template: str


def error_lines(source: str, file: str) -> Iterator[Line]:
    """Find the calls of a logger in a module's source. ValueError for one whose text is not a literal."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id in {"log", "logger", "logging"}):
            continue
        match node.args:
            case [ast.Constant(value=str(template)), *_]:
                yield Line(file, template)
            case _:
                raise ValueError(f"{file}:{node.lineno}: the text of an error line must be a literal")


def section(line: Line) -> tuple[str, ...]:
    return COMPOSED.get((line.file, line.template), (VALUE.sub("…", line.template),))


def all_lines() -> set[Line]:
    files = sorted(WEBHOOK.rglob("*.py"))
    return {line for file in files for line in error_lines(file.read_text(), file.relative_to(WEBHOOK).as_posix())}


def test_each_error_line_has_a_section_and_each_section_a_line() -> None:
    expected = {each for line in all_lines() for each in section(line)}
    sections = re.findall(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(sections) == len(set(sections))
    assert set(sections) == expected


def test_each_section_says_something() -> None:
    for part in re.split(r"^### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        assert len(text.partition("\n## ")[0].split()) >= 10, heading


def test_the_texts_that_are_put_together_are_those_of_the_code() -> None:
    """Each literal piece stands somewhere in `webhook/`; a reworded one is noticed here."""
    code = "\n".join(file.read_text() for file in WEBHOOK.rglob("*.py"))
    pieces = [piece.strip(" :,;") for texts in COMPOSED.values() for text in texts for piece in text.split("…")]
    assert [piece for piece in pieces if piece not in code] == []


def test_each_line_that_is_put_together_is_still_logged() -> None:
    assert set(COMPOSED) <= {(line.file, line.template) for line in all_lines()}


def test_a_new_line_is_found_whatever_its_form() -> None:
    source = 'log.error("a %s")\nlog.exception("b")\nlogging.critical("c %d", 1)\nlog.info("d")\nmath.error("e")\n'
    assert list(error_lines(source, "x.py")) == [Line("x.py", text) for text in ("a %s", "b", "c %d")]


def test_a_text_that_is_no_literal_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x\.py:1: the text of an error line must be a literal"):
        list(error_lines("log.error(text)", "x.py"))

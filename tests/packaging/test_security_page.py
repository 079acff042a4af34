"""docs/security.md: each threat names tests that exist, and what the page says of manifests and roles is so."""

import ast
import re
from pathlib import Path

import pytest

from tests.stress.tenant import forms
from webhook.core.reviews.review import AdmissionResponse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/.]+)(?:::(\w*))?`")
THREATS = 18  # of SIG Security
UNTESTABLE = {6}  # against a cluster administrator nothing helps


def functions(text: str) -> set[str]:
    """Return the names of the functions of a module."""
    return {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def missing(page: str, root: Path) -> list[str]:
    """Return the tests that a page names and that do not exist."""
    absent = []
    for file, test in NAMED.findall(page):
        known = functions((root / file).read_text(encoding="utf-8")) if (root / file).is_file() else set()
        if not known or (test and test not in known):
            absent.append(f"{file}::{test}")
    return absent


def sections(page: str) -> dict[str, str]:
    """Return the text below each heading of the third level, by the heading."""
    parts = re.split(r"^#{2,3} (.*)\n", page, flags=re.MULTILINE)
    return {heading: text for heading, text in zip(parts[1::2], parts[2::2], strict=True) if text.strip()}


def numbers(heading: str) -> list[int]:
    """Return the threats that a heading is about: `15, 16 and 17. An attacker has a node`."""
    found = re.match(r"[\d, and]+(?=\. )", heading)
    return [int(each) for each in re.findall(r"\d+", found[0])] if found else []


def test_each_test_that_is_named_exists() -> None:
    assert missing(PAGE, ROOT) == []


def test_each_threat_of_the_model_is_there_once_and_names_a_test() -> None:
    told = [(number, text) for heading, text in sections(PAGE).items() for number in numbers(heading)]
    assert [number for number, _ in told] == list(range(1, THREATS + 1))
    assert {number for number, text in told if not NAMED.search(text)} == UNTESTABLE


def test_each_other_threat_names_a_test() -> None:
    _, _, others = PAGE.partition("## Threats beyond that list\n")
    others, _, _ = others.partition("\n## ")
    found = sections(others)
    assert len(found) > 5
    assert [heading for heading, text in found.items() if not NAMED.search(text)] == []


def test_it_counts_the_forms_of_a_tenant() -> None:
    assert f"sends {len(list(forms()))} forms" in PAGE


def test_no_manifest_has_a_webhook_that_changes_objects() -> None:
    texts = [
        each.read_text(encoding="utf-8")
        for folder in ("manifests", "charts")
        for each in (ROOT / folder).rglob("*")
        if each.is_file()
    ]
    kinds = {kind for text in texts for kind in re.findall(r"^kind: *(\w+)", text, re.MULTILINE)}
    assert "ValidatingWebhookConfiguration" in kinds
    assert [kind for kind in kinds if kind.startswith("Mutating")] == []
    assert not [field for field in AdmissionResponse.__struct_fields__ if "patch" in field]


@pytest.mark.parametrize(
    "name",
    [
        "tests/unit/test_nothing.py",
        "tests/unit/test_nothing.py::test_there_is_none",
        "tests/packaging/test_security_page.py::test_there_is_none",
        "tests/packaging/test_security_page.py::functions_that_are_none",
    ],
)
def test_a_test_that_does_not_exist_is_noticed(name: str) -> None:
    assert missing(f"- `{name}`", ROOT) == [name if "::" in name else f"{name}::"]

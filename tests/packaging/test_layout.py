"""The layout of the tests: helpers live in `tests/support`, tests beside the name of what they test."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNS_OTHERS = {"tests/unit/core/sharing/test_allotment_mutants.py"}  # runs stories once more, with a rule broken
FOLDERS = ("tests", "benchmarks", "devcluster", "demo")


def imported(file: Path) -> set[str]:
    """Return the modules that a file imports from, and what could be one of them."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_no_test_module_is_imported_by_another() -> None:
    found = {
        str(file.relative_to(ROOT)): name
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        for name in imported(file)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    }
    assert {file: name for file, name in found.items() if file not in RUNS_OTHERS} == {}

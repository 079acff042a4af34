"""The layout of the tests: a file for each module and called after it, and every helper in `tests/support`."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS_OTHERS = {"tests/unit/core/sharing/test_allotment_mutants.py"}  # runs stories once more, with a rule broken
FOLDERS = ("tests", "benchmarks", "devcluster", "demo")

# Modules that declare types or constants and run nothing, each with the tests that use what it declares.
WITHOUT_CODE = {
    "admission/fetch.py": "the signature and the errors of a function that the manager hands in: test_orphans.py",
    "core/ledger/account.py": "two tuples, which test_ledger_against_reference.py makes reports of",
    "core/ledger/drift.py": "one tuple, which test_recount.py and test_tally_check.py compare",
    "core/ledger/entry.py": "two structs, whose fields test_ledger.py and test_unbound.py read",
    "core/reporting/rows.py": "structs that a report is made of, which the tests of every surface that shows it read",
    "core/values/domain.py": "one constant, which tests/packaging/test_domain.py changes everywhere",
    "state/guarded.py": "one dataclass of what the lock guards, which every test of the state goes through",
    "watch/events.py": "what a reflector delivers: test_decoder.py and test_reflector.py hold it against that",
    "web/sources.py": "protocols: test_reporting_routes.py holds the routes against them",
}


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


def modules(root: Path) -> list[str]:
    """Return the modules of the webhook, as paths in its package."""
    package = root / "webhook"
    return sorted(str(each.relative_to(package)) for each in package.rglob("*.py") if each.name != "__init__.py")


def untested(root: Path, excepted: Mapping[str, str]) -> list[str]:
    """Return the test file that each module lacks, which says by its path where it must be."""
    mirrored = {each: Path("tests/unit", each).with_name(f"test_{Path(each).name}") for each in modules(root)}
    return [str(test) for each, test in mirrored.items() if each not in excepted and not (root / test).exists()]


def nameless(root: Path) -> list[str]:
    """Return the test files under tests/unit whose name does not begin with that of a module of their room."""
    stems = {Path(each).with_suffix("") for each in modules(root)}
    tests = (file.relative_to(root / "tests/unit") for file in (root / "tests/unit").rglob("test_*.py"))
    return sorted(str(each) for each in tests if not any(stem in stems for stem in _called_after(each)))


def _called_after(test: Path) -> Iterator[Path]:
    """Yield the modules that a test file may be called after: test_a_b.py after a_b and after a."""
    words = test.stem.removeprefix("test_").split("_")
    yield from (test.parent / "_".join(words[:number]) for number in range(1, len(words) + 1))


def runs_nothing(file: Path) -> bool:
    """Say whether a module has no function with a body beyond its docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]
    return all(
        isinstance(node, ast.FunctionDef) and len(node.body) == 1 and ast.get_docstring(node) is not None
        for node in functions
    )


def test_no_test_module_is_imported_by_another() -> None:
    found = {
        str(file.relative_to(ROOT)): name
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        for name in imported(file)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    }
    assert {file: name for file, name in found.items() if file not in RUNS_OTHERS} == {}


def test_each_module_has_a_test_file_of_its_name() -> None:
    assert untested(ROOT, WITHOUT_CODE) == [], "write these, or move the tests of the module there"


def test_each_unit_test_file_is_called_after_a_module_of_its_room() -> None:
    assert nameless(ROOT) == [], "call each test_MODULE.py or test_MODULE_ASPECT.py"


@pytest.mark.parametrize("module", WITHOUT_CODE)
def test_only_a_module_that_runs_nothing_goes_without_a_test_file(module: str) -> None:
    assert runs_nothing(ROOT / "webhook" / module), "it has code by now, so it needs a test file"


def test_a_new_module_without_a_test_file_is_noticed(tmp_path: Path) -> None:
    for file in ("webhook/__init__.py", "webhook/core/x.py", "webhook/core/y.py", "tests/unit/core/test_y_more.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert untested(tmp_path, {}) == ["tests/unit/core/test_x.py", "tests/unit/core/test_y.py"]
    assert untested(tmp_path, {"core/y.py": "a reason"}) == ["tests/unit/core/test_x.py"]
    (tmp_path / "tests/unit/core/test_z.py").touch()
    (tmp_path / "tests/unit/test_x.py").touch()
    assert nameless(tmp_path) == ["core/test_z.py", "test_x.py"]


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("X = 1\n", True),
        ('class A:\n    def f(self) -> int:\n        """Say."""\n', True),
        ("def f() -> int:\n    return 1\n", False),
        ('def f() -> int:\n    """Say."""\n    return 1\n', False),
        ("f = lambda: 1\n", False),
    ],
)
def test_code_in_a_module_is_noticed(tmp_path: Path, text: str, nothing: bool) -> None:
    (tmp_path / "x.py").write_text(text)
    assert runs_nothing(tmp_path / "x.py") is nothing

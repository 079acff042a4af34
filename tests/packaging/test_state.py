"""The lock, the ledger and the allotment of a replica are known in `webhook/state` only: all else uses its verbs."""

import ast
from pathlib import Path

WEBHOOK = Path(__file__).parents[2] / "webhook"
GUARDED = {"lock", "ledger", "allotment", "guarded", "_guarded"}
LINES = 300
"""The most that a module of the room may have."""


def touches(text: str) -> set[tuple[int, str]]:
    """Return line and name of each attribute that is one of those that the lock guards, or the lock itself."""
    return {
        (node.lineno, node.attr)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and node.attr in GUARDED
    }


def test_nothing_outside_the_room_touches_what_the_lock_guards() -> None:
    files = [file for file in WEBHOOK.rglob("*.py") if file.relative_to(WEBHOOK).parts[0] not in ("state", "core")]
    found = {str(file.relative_to(WEBHOOK)): touches(file.read_text(encoding="utf-8")) for file in files}
    assert len(files) > 50
    assert {file: lines for file, lines in found.items() if lines} == {}


def test_such_a_touch_would_be_found() -> None:
    text = "with account.lock:\n    account.ledger.see(pod)\n    take(account._guarded.allotment)\n"
    assert touches(text) == {(1, "lock"), (2, "ledger"), (3, "_guarded"), (3, "allotment")}


def test_the_state_is_split_by_what_it_is_responsible_for() -> None:
    sizes = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in (WEBHOOK / "state").glob("*.py")}
    assert {name: lines for name, lines in sizes.items() if lines > LINES} == {}

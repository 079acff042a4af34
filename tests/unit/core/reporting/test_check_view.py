"""The answer to a check as the page shows it: cut to what a page can hold, and nothing of a user's text runs on."""

from typing import Any

from webhook.core.reporting.check_view import check_view, uncheckable
from webhook.core.reporting.rows import CheckRow


def row(name: str, missing: int = 1, fits: int = 1, **given: Any) -> CheckRow:
    usual: dict[str, Any] = {"decision": "allow", "reason": "", "message": "", "warnings": ()}
    return CheckRow(
        kind="Pod", namespace="shop", name=name, wanted=missing, living=0, missing=missing, fits=fits,
        asks_requests=1 << 30, asks_limits=1 << 30, **(usual | given),
    )  # fmt: skip


def test_it_has_the_sentence_a_row_for_each_object_and_what_is_to_be_said_of_them() -> None:
    rows = [row("a"), row("b", fits=0, reason="MemoryCommitmentExceeded", message="no room", warnings=("big",))]
    view = check_view(rows, ["Secret", "Secret", "ConfigMap"], [], fits=False)
    assert view.sentence == "Not all pods fit: pod 1 of 1 of Pod/b would be refused."
    assert [cells[1] for cells in view.table.rows] == ["Pod/a", "Pod/b"]
    assert view.notes == (
        "Pod/b: no room",
        "Warning: Pod/b: big",
        "Skipped, because they commit no resources: ConfigMap, Secret.",
    )
    assert check_view([row("a")], [], [], fits=True).sentence == "The pod fits."


def test_of_many_objects_the_first_are_shown_which_is_said_first() -> None:
    view = check_view([row(f"p{number}", message="no") for number in range(300)], [], ["bad"] * 300, fits=False)
    assert (len(view.table.rows), len(view.notes), len(view.faults)) == (100, 100, 100)
    assert view.notes[0].startswith("The first 100 of 300 objects are shown")


def test_what_cannot_be_read_at_all_is_not_said_to_fit() -> None:
    view = check_view([], [], ["x\n\x1b[31m" + "y" * 1000], fits=False)
    assert view.sentence == "Some of these manifests cannot be read."
    assert "\x1b" not in view.faults[0]
    assert len(view.faults[0]) <= 400
    assert not uncheckable("too long").fits

"""Denials: each refusal is to have one audit line, and what else it leaves behind is to be bounded."""

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import workloads
from benchmarks.denials import MOST_LOG_LINES, OWNERS, claims
from benchmarks.load import DATA
from benchmarks.traces import Traces, split

NOTHING = Traces(Counter(), Counter(), 0, 5, [], 0)


def traces(refused: str, *, logged: int = 5, events: int = OWNERS, writes: int = 16, unlike: int = 0) -> Traces:
    """What there is after an audit line for each letter, which is a pod's name."""
    reasons = Counter({"InsufficientHeadroom": len(refused)})
    return Traces(Counter(refused), reasons, unlike, logged, [("Deployment", 1)] * events, writes)


@pytest.mark.parametrize(("lines", "amiss"), [("abc", 0), ("ab", 1), ("abcd", 1), ("abcc", 1), ("abb", 2), ("", 3)])
def test_refusals_without_exactly_one_line_are_counted(lines: str, amiss: int) -> None:
    assert traces(lines).amiss(3) == amiss


def test_refusals_that_leave_what_they_should_keep_all_promises() -> None:
    assert [claim.holds for claim in claims(3, 10.0, NOTHING, traces("abc"))] == [True] * 5


@pytest.mark.parametrize(
    ("after", "broken"),
    [
        (traces("abb"), 0),
        (traces("abc", unlike=1), 1),
        (traces("abc", logged=5 + MOST_LOG_LINES + 1), 2),
        (traces("abc", events=OWNERS + 1), 3),
        (traces("abc", writes=2 * OWNERS * 2 + 1), 4),
    ],
)
def test_whatever_is_too_much_breaks_its_promise(after: Traces, broken: int) -> None:
    made = claims(3, 10.0, NOTHING, after)
    assert [index for index, claim in enumerate(made) if not claim.holds] == [broken]


def test_audit_lines_and_operational_lines_are_told_apart() -> None:
    assert split('INFO begins\n{"a":1}\nTraceback\n{"b":2}\n') == (
        ['{"a":1}', '{"b":2}'],
        ["INFO begins", "Traceback"],
    )


def test_owned_pods_differ_from_others_by_their_owner_alone(tmp_path: Path) -> None:
    made = json.loads(workloads.owned_pod(tmp_path / "pod.json").read_text())
    usual = json.loads((DATA / "create.json").read_text())
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == (
        "ReplicaSet",
        "@OWNER@",
        "@OWNER_UID@",
        True,
    )
    assert made["spec"] == usual["spec"]


def test_owners_are_written_one_to_a_line(tmp_path: Path) -> None:
    owners = [{"metadata": {"name": "a", "uid": "1"}}, {"metadata": {"name": "b", "uid": "2"}}]
    assert workloads.owners_file(tmp_path / "owners", owners).read_text() == "a 1\nb 2\n"

"""Which decisions are shown, and which of them leave somebody blocked."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.refusing import owner, refused
from webhook.core.reporting.refusal import Refusal, is_bare, is_shown


@pytest.mark.parametrize(
    ("decision", "mode", "reason", "shown"),
    [
        ("deny", "enforce", "MemoryCommitmentExceeded", True),
        ("deny", "warn", "InvalidPod", True),
        ("cannot_tell", "enforce", "AccountUnavailable", True),
        ("audit", "audit", "MissingLimits", True),
        ("warn", "warn", "CpuCommitmentExceeded", True),
        ("warn", "warn", "MissingLimits", False),  # nobody knows whether enforce would refuse it
        ("warn", "enforce", "NearBound", False),
        ("warn", "warn", "QuotaExceeded", False),  # the quota refuses it, whatever the mode
        ("allow", "enforce", "Exempt", False),
    ],
)
def test_shown_is_what_was_refused_and_what_enforce_would_surely_have_refused(
    decision: str, mode: str, reason: str, *, shown: bool
) -> None:
    assert is_shown(decision, mode, reason) is shown


@pytest.mark.parametrize("reason", ["MemoryCommitmentExceeded", "CpuCommitmentExceeded", "AwaitingEarlierPods"])
def test_a_refusal_that_passes_by_itself_blocks(reason: str) -> None:
    assert refused(owner(), reason=reason).blocks


@pytest.mark.parametrize(
    "fields",
    [
        {"dry_run": True},
        {"operation": "UPDATE"},
        {"kind": "Pod/resize"},
        {"kind": "Binding"},
        {"reason": "MissingLimits"},
        {"reason": "QuotaExceeded"},
        {"decision": "audit", "mode": "audit"},
    ],
)
def test_nobody_lacks_a_pod_that_was_only_tried_or_must_be_edited_or_was_let_in(fields: dict[str, Any]) -> None:
    assert not refused(owner(), **fields).blocks


def test_a_workload_is_not_blocked_by_an_early_answer() -> None:
    asked = refused(owner(), kind="Deployment")
    assert not asked.blocks
    assert not replace(refused(owner()), scopes=()).blocks


def test_a_pod_without_a_controller_stands_for_itself() -> None:
    bare: Refusal = refused(owner("lonely", kind="Pod"))
    assert bare.lacking == owner("lonely", kind="Pod")
    assert is_bare(bare.lacking)
    assert not is_bare(refused(owner()).lacking)

"""Checks: of each object of some manifests, how many pods would be admitted, and why the next one would not."""

import pytest
from msgspec.structs import replace

from tests.support import accounts
from tests.support.accounts import node, pod
from tests.support.manifests import deployment
from webhook.core.forecast.check import check
from webhook.core.forecast.scratch import scratch
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.traits import Traits
from webhook.core.manifests.manifest import Item, contents, holdings
from webhook.core.reporting.rows import CheckRow


def checked(ledger: Ledger, *texts: str, namespace: str = "shop") -> list[CheckRow]:
    items = [each for text in texts for each in contents(text.encode()) if isinstance(each, Item)]
    account = ledger.account(0.0)
    return list(check(scratch(account), account, holdings(items, ()).holdings, namespace))


def test_a_deployment_that_fits() -> None:
    (row,) = checked(accounts.ledger("", node("n1")), deployment("web", 3, "2Gi"))
    assert (row.namespace, row.wanted, row.living, row.missing, row.fits) == ("shop", 3, 0, 3, 3)
    assert (row.decision, row.reason, row.message) == ("allow", "Fits", "")


def test_the_first_replica_that_does_not_fit_is_told_why() -> None:
    (row,) = checked(accounts.ledger("", node("n1")), deployment("web", 6, "2Gi"))
    assert (row.fits, row.decision, row.reason) == (4, "deny", "MemoryCommitmentExceeded")
    assert row.message.startswith(
        "pod shop/web exceeds the cluster's memory headroom: it adds 2Gi of requests, 0 is free"
    )


def test_one_manifest_finds_what_the_one_before_left() -> None:
    first, second = checked(accounts.ledger("", node("n1")), deployment("a", 3, "2Gi"), deployment("b", 3, "2Gi"))
    assert (first.fits, second.fits) == (3, 1)


def test_what_lives_already_counts_once() -> None:
    ledger = accounts.ledger("", node("n1"))
    for number in range(3):
        living = replace(pod(f"web-{number}", 2, "n1"), traits=Traits(("Deployment", "web")))
        ledger.see(living)
    (row,) = checked(ledger, deployment("web", 4, "2Gi"), namespace="default")
    assert (row.living, row.missing, row.fits, row.decision, row.reason) == (3, 1, 1, "warn", "NearBound")
    (row,) = checked(ledger, deployment("web", 2, "2Gi"), namespace="default")
    assert (row.missing, row.fits, row.decision, row.message) == (0, 0, "allow", "")


def test_a_pod_that_lives_is_not_missing() -> None:
    ledger = accounts.ledger("", node("n1"))
    ledger.see(pod("alone", 2, "n1"))
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: alone, namespace: default}\n"
        "spec: {containers: [{name: a, image: i}]}"
    )
    (row,) = checked(ledger, text)
    assert (row.living, row.missing) == (1, 0)


def test_a_namespace_that_is_exempt_is_let_in() -> None:
    (row,) = checked(accounts.ledger("exempt: {namespaces: [shop]}", node("n1")), deployment("web", 6, "2Gi"))
    assert (row.fits, row.decision, row.reason) == (6, "allow", "Exempt")


def test_in_mode_warn_it_says_what_enforce_would() -> None:
    (row,) = checked(accounts.ledger("mode: warn", node("n1")), deployment("web", 6, "2Gi"))
    assert (row.fits, row.decision, row.reason) == (6, "warn", "MemoryCommitmentExceeded")
    assert "exceeds the cluster's memory headroom" in row.message


def test_missing_limits_are_judged_as_in_a_review() -> None:
    text = deployment("web", 1, "1Gi").replace(", limits: {memory: 1Gi}", "")
    (row,) = checked(accounts.ledger("missingLimits: deny", node("n1")), text)
    assert (row.fits, row.decision, row.reason) == (0, "deny", "MissingLimits")


def test_a_pod_of_a_pool_is_judged_by_the_pool() -> None:
    text = deployment("web", 3, "3Gi").replace("    spec:\n", "    spec:\n      nodeSelector: {pool: high-mem}\n")
    (row,) = checked(accounts.ledger(accounts.HIGH_MEM, node("n1", pool="high-mem"), node("n2")), text)
    assert row.fits == 2
    assert "pool high-mem" in row.message


@pytest.mark.parametrize("kind", ["DaemonSet"])
def test_a_daemon_set_wants_a_pod_for_each_node_that_counts(kind: str) -> None:
    text = deployment("agent", 1, "1Gi").replace("kind: Deployment", f"kind: {kind}").replace("  replicas: 1\n", "")
    (row,) = checked(accounts.ledger("", node("n1"), node("n2"), node("n3", cordoned=True)), text)
    assert (row.wanted, row.fits) == (2, 2)

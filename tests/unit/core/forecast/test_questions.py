"""Questions and answers: check, fit, simulate, as REST and the command line give them."""

import pytest

from tests.support import accounts
from tests.support.accounts import node, pod
from tests.support.manifests import deployment
from tests.support.workloads import template
from webhook.core.forecast.growth import Growth
from webhook.core.forecast.questions import (
    AddNodes,
    CheckQuestion,
    FitQuestion,
    QuestionError,
    SimulateQuestion,
    check_answer,
    fit_answer,
    simulate_answer,
)
from webhook.core.reporting.report import Report

GI = accounts.GI
TEMPLATE = template(1024)


def report(settings: str = "", requests: str = "100%", each: int = 2) -> Report:
    """Three nodes of 8Gi with `each` pods of 1Gi on each."""
    ledger = accounts.ledger(settings, node("n1"), node("n2"), node("n3"), requests=requests)
    for number in range(3 * each):
        ledger.see(pod(f"p{number}", 1, f"n{number % 3 + 1}"))
    return Report(ledger.account(0.0))


def test_a_check_says_whether_all_fits_and_what_was_skipped() -> None:
    text = f"{deployment('web', 3, '2Gi')}---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\n"
    answer = check_answer(report(), CheckQuestion(text))
    assert (answer.fits, answer.skipped, answer.faults) == (True, ("Service",), ())
    assert not check_answer(report(), CheckQuestion(deployment("web", 30, "2Gi"))).fits


def test_a_check_of_what_cannot_be_read_is_not_a_yes() -> None:
    answer = check_answer(report(), CheckQuestion("kind: Pod"))
    assert (answer.fits, len(answer.faults)) == (False, 1)


def test_a_fit_names_the_sum_that_runs_out_first() -> None:
    answer = fit_answer(report(requests="75%"), FitQuestion(deployment("web", 1, "2Gi")))
    assert (answer.sets, answer.by_thresholds, answer.by_nodes) == (6, 6, 9)
    assert (answer.scope, answer.sum) == ("cluster", "memory requests")


def test_a_fit_by_nodes_may_be_less() -> None:
    answer = fit_answer(report(), FitQuestion(deployment("web", 1, "5Gi")))
    assert (answer.sets, answer.by_thresholds, answer.by_nodes) == (3, 3, 3)
    answer = fit_answer(report(each=4), FitQuestion(deployment("web", 1, "3Gi")))
    assert (answer.sets, answer.by_thresholds, answer.by_nodes) == (3, 4, 3)


def test_a_fit_in_a_ratio() -> None:
    text = f"{deployment('a', 1, '2Gi')}---{deployment('b', 1, '1Gi')}"
    assert fit_answer(report(), FitQuestion(text, (2, 1))).by_thresholds == 3
    with pytest.raises(QuestionError, match="2 kinds of pods"):
        fit_answer(report(), FitQuestion(text, (2,)))


def test_a_fit_of_what_is_refused_whatever_is_free_is_none_and_says_why() -> None:
    without = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a}]}}"
    answer = fit_answer(report("missingRequests: deny"), FitQuestion(without, namespace="shop"))
    assert (answer.sets, answer.by_thresholds, answer.scope, answer.sum) == (0, 0, None, None)
    assert answer.refused is not None
    assert answer.refused.startswith("pod shop/a requests no memory, which missingRequests: deny refuses.")
    large = fit_answer(report("unplaceable: deny"), FitQuestion(deployment("web", 1, "20Gi")))
    assert (large.sets, large.by_thresholds) == (0, 0)
    assert large.refused is not None
    assert "no node that counts now can hold it" in large.refused
    assert fit_answer(report(), FitQuestion(without)).refused is None


def test_a_fit_of_pods_that_are_never_refused_is_bounded_by_nodes_alone() -> None:
    of = report("exempt: {namespaces: [tools]}", requests="10%")
    answer = fit_answer(of, FitQuestion(deployment("web", 1, "2Gi"), namespace="tools"))
    assert (answer.sets, answer.by_thresholds, answer.by_nodes, answer.refused) == (9, None, 9, None)
    assert fit_answer(of, FitQuestion(deployment("web", 1, "2Gi"))).sets == 0


def test_a_fit_counts_a_pod_that_is_there_as_another_one() -> None:
    """A name that lives may pay for a pod of that name; what is asked is how many more fit."""
    spec = "{containers: [{name: a, resources: {requests: {memory: 2Gi}}}]}"
    text = f"{{apiVersion: v1, kind: Pod, metadata: {{name: p0}}, spec: {spec}}}"
    assert fit_answer(report(), FitQuestion(text)).by_thresholds == 9


@pytest.mark.parametrize("text", ["", "kind: Pod", "apiVersion: v1\nkind: Service\nmetadata: {name: a}"])
def test_a_fit_of_nothing_says_what_to_give(text: str) -> None:
    with pytest.raises(QuestionError):
        fit_answer(report(), FitQuestion(text))


def test_another_threshold_shows_what_would_be_over_and_who_holds_it() -> None:
    answer = simulate_answer(report(each=4), SimulateQuestion({"thresholds.memory.requests": "40%"}))
    assert answer.before.scopes[0].memory.requests.bound == 24 * GI
    (over,) = answer.over
    assert (over.scope, over.sum) == ("cluster", "memory requests")
    assert over.over == 12 * GI - int(0.4 * 24 * GI)
    assert over.holders[0].startswith("default/Pod/p")


def test_a_whole_configuration_is_tried_and_settings_change_it() -> None:
    written = "apiVersion: headroom.internal/v1\nkind: HeadroomConfig\nthresholds: {memory: {limits: 50%}}\n"
    line = simulate_answer(report(), SimulateQuestion(config=written)).after.scopes[0].memory
    assert (line.requests.bound, line.limits.bound) == (None, 12 * GI)
    settings = {"thresholds.memory.requests": "25%"}
    line = simulate_answer(report(), SimulateQuestion(settings, config=written)).after.scopes[0].memory
    assert (line.requests.bound, line.limits.bound) == (6 * GI, 12 * GI)
    with pytest.raises(QuestionError, match="apiVersion: is missing"):
        simulate_answer(report(), SimulateQuestion(config="mode: warn\n"))


def test_workloads_that_grow_are_added_whether_or_not_there_is_room() -> None:
    grow = (Growth("default", "Deployment", "web", 40, TEMPLATE),)
    answer = simulate_answer(report(), SimulateQuestion(grow=grow))
    assert answer.more is not None
    assert (answer.more.pods, answer.more.memory_requests, answer.more.unknown) == (40, 40 * GI, ())
    assert answer.after.scopes[0].memory.requests.granted == 40 * GI
    (over,) = answer.over
    assert (over.over, over.holders[0]) == (6 * GI + 40 * GI - 24 * GI, "default/Deployment/web")
    assert simulate_answer(report(), SimulateQuestion()).more is None
    with pytest.raises(QuestionError, match="spec"):
        simulate_answer(report(), SimulateQuestion(grow=(Growth("a", "Deployment", "b", 1, {"spec": 3}),)))


def test_pods_of_lost_nodes_come_back_beside_what_grew() -> None:
    grow = (Growth("default", "Deployment", "web", 10, TEMPLATE),)
    answer = simulate_answer(report(each=4), SimulateQuestion(without_nodes=("n1",), grow=grow))
    assert (answer.displaced, answer.admitted) == (4, 0), "8Gi live on two nodes, and with 10Gi more these are full"


def test_a_pools_threshold_is_named_by_the_pool() -> None:
    ledger = accounts.ledger(accounts.HIGH_MEM, node("n1", pool="high-mem"))
    answer = simulate_answer(
        Report(ledger.account(0.0)), SimulateQuestion({"pools.high-mem.thresholds.memory.requests": "50%"})
    )
    assert answer.after.scopes[1].memory.requests.bound == 4 * GI


def test_nodes_that_go_and_come() -> None:
    answer = simulate_answer(report(each=7), SimulateQuestion(without_nodes=("n1",)))
    assert (answer.displaced, answer.admitted, len(answer.refused)) == (7, 2, 5)
    answer = simulate_answer(report(), SimulateQuestion(add_nodes=(AddNodes(2, "16Gi", "4"),)))
    assert answer.after.scopes[0].memory.requests.bound == 56 * GI
    assert answer.after.scopes[0].cpu.allocatable == 20_000


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (SimulateQuestion({"tresholds.memory.requests": "1%"}), "did you mean"),
        (SimulateQuestion({"thresholds.memory.requests": "many"}), "requests"),
        (SimulateQuestion({"mode.of": "warn"}), "is not a setting"),
        (SimulateQuestion({"pools.x.name": "y"}), "there is no x here"),
        (SimulateQuestion(without_nodes=("n9",)), "no node n9"),
        (SimulateQuestion(without_zone="z"), "no node has the label"),
        (SimulateQuestion(add_nodes=(AddNodes(0, "1Gi"),)), "from 1 to"),
        (SimulateQuestion(add_nodes=(AddNodes(5001, "1Gi"),)), "5001 nodes cannot be added"),
        (SimulateQuestion(add_nodes=(AddNodes(2501, "1Gi"),) * 2), "5002 nodes cannot be added: .* 5000 in all"),
        (SimulateQuestion(add_nodes=(AddNodes(9, "1Gi"), AddNodes(-5, "1Gi"))), "-5 nodes cannot be added"),
        (SimulateQuestion(set={"thresholds.memory.requests": "1" * 5_000}), "thresholds.memory.requests"),
        (SimulateQuestion(set={"a" + ".a" * 50_000: "1"}), "50001 names is nested too deeply"),
        (SimulateQuestion(add_nodes=(AddNodes(1, "much"),)), "is not a quantity"),
        (SimulateQuestion(add_nodes=(AddNodes(1, "1Gi", pool="x"),)), "no pool x"),
    ],
)
def test_what_cannot_be_tried_says_what_would_be_right(asked: SimulateQuestion, said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        simulate_answer(report(), asked)

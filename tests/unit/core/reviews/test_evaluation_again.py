"""A review that waits is evaluated under another configuration as if it came in then."""

import json

import pytest
from msgspec.structs import replace

from tests.support.accounts import config
from tests.support.replica import review
from webhook.core.config.types import Mode
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import KUBERNETES_1_36, NEWEST
from webhook.core.reviews.evaluation import Evaluation, again, evaluate
from webhook.core.reviews.review import decode_of_pod

POOL = "pools: [{name: p, nodeSelector: {pool: p}, thresholds: {memory: {requests: 50%}}}]"
OTHER_POOL = POOL.replace("50%", "60%")
DAEMON = "system:serviceaccount:kube-system:daemon-set-controller"

CONFIGURATIONS = [
    "",
    "mode: warn",
    "mode: audit",
    "thresholds: {memory: {requests: 10%}}",
    "missingLimits: warn",
    "missingLimits: deny",
    "missingRequests: warn",
    "missingRequests: deny\nmissingLimits: deny",
    "unplaceable: deny",
    "exempt: {namespaces: [default]}",
    "exempt: {daemonSets: [default]}",
    "exempt: {priorityClasses: [high], priorityClassNamespaces: [default]}",
    "overrides: [{namespaces: [default], mode: warn, missingRequests: deny}]",
]


def pod(memory: str | None = "1Gi", limit: str | None = None, **spec: object) -> dict[str, object]:
    resources = {"requests": {"memory": memory}} if memory else {}
    if limit:
        resources["limits"] = {"memory": limit}
    meta = {"name": "web", "namespace": "default", "uid": "pod-web", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": meta, "spec": {"containers": [{"name": "app", "resources": resources}], **spec}}


def daemon() -> dict[str, object]:
    made = pod()
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "u", "controller": True}
    return made | {"metadata": {**made["metadata"], "ownerReferences": [owner]}}  # type: ignore[dict-item]  # it is one


def static() -> dict[str, object]:
    made = pod(nodeName="n1")
    return made | {"metadata": {**made["metadata"], "annotations": {"kubernetes.io/config.mirror": "m" * 50}}}  # type: ignore[dict-item]


REVIEWS = {
    "plain": review(object=pod()),
    "best effort": review(object=pod(None)),
    "limited": review(object=pod(limit="1Gi")),
    "high": review(object=pod(priorityClassName="high")),
    "daemon": review(object=daemon(), userInfo={"username": DAEMON}),
    "static": review(object=static(), userInfo={"username": "system:node:n1"}),
}


def under(settings: str) -> AccountingRules:
    return AccountingRules(config(settings))


def asked(body: bytes, accounting: AccountingRules) -> Evaluation:
    found = evaluate(decode_of_pod(body), accounting)
    assert isinstance(found, Evaluation)
    return found


@pytest.mark.parametrize("body", REVIEWS.values(), ids=REVIEWS.keys())
def test_it_comes_out_as_if_the_review_came_in_now(body: bytes) -> None:
    for before in map(under, CONFIGURATIONS):
        kept = asked(body, before).kept(NEWEST)
        for now in map(under, CONFIGURATIONS):
            found, is_complete = again(kept, before, now)
            fresh = asked(body, now).kept(NEWEST)
            assert is_complete
            assert replace(found, request=fresh.request) == fresh


def test_what_was_kept_does_not_say_how_a_pod_counts_by_other_rules_or_in_pools() -> None:
    before, body = under(""), REVIEWS["plain"]
    kept = asked(body, before).kept(NEWEST)
    others = AccountingRules(config("mode: warn"), (KUBERNETES_1_36,))
    found, is_complete = again(kept, before, others)
    assert (found.mode, is_complete) == (Mode.WARN, False)
    assert not again(kept, before, under(POOL))[1]
    assert again(asked(body, under(POOL)).kept(NEWEST), under(POOL), under(OTHER_POOL))[1]


def test_an_exemption_holds_whatever_the_rules_are() -> None:
    exempt = "exempt: {namespaces: [default]}"
    kept = asked(REVIEWS["plain"], under(exempt)).kept(NEWEST)
    found, is_complete = again(kept, under(exempt), AccountingRules(config(exempt), (KUBERNETES_1_36,)))
    assert (found.exempt, is_complete) == ("namespace default is exempt", False)


def test_a_pod_that_pools_cannot_take_is_refused_once_the_mode_enforces() -> None:
    terms = [{"matchExpressions": [{"key": f"k{n}", "operator": "In", "values": ["a", "b"]}]} for n in range(3_000)]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    body = review(object=pod(affinity=affinity))
    before, now = under(f"mode: warn\n{POOL}"), under(POOL)
    found, is_complete = again(asked(body, before).kept(NEWEST), before, now)
    assert is_complete
    assert found.form == asked(body, now).form
    assert "parts" in found.form.detail


def test_a_binding_is_evaluated_by_the_ledger_and_so_only_where_nothing_changed_for_it() -> None:
    body = json.loads(review(object={"metadata": {"name": "web", "uid": "u"}, "target": {"name": "node"}}))
    body["request"] |= {"kind": {"group": "", "version": "v1", "kind": "Binding"}, "subResource": "binding"}
    body["request"]["resource"] = {"group": "", "version": "v1", "resource": "pods"}
    request = decode_of_pod(json.dumps(body).encode())
    assert request.is_binding
    exempt = f"{POOL}\nexempt: {{namespaces: [default]}}"
    kept = replace(asked(REVIEWS["plain"], under(exempt)).kept(NEWEST), request=request)
    assert again(kept, under(exempt), under(exempt)) == (kept, True)
    found, is_complete = again(kept, under(exempt), under(POOL))
    assert (found.exempt, is_complete) == (None, False)
    assert not again(kept, under(POOL), under(OTHER_POOL))[1]

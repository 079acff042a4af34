"""What a review is judged under is one value, and says when an evaluation comes out the same under another one."""

import json

import pytest

from tests.support.accounts import config
from tests.support.replica import review
from webhook.core.config.render import digest
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import KUBERNETES_1_36, NEWEST
from webhook.core.reviews.basis import Basis
from webhook.core.reviews.messages import Help
from webhook.core.reviews.review import AdmissionRequest, decode

POOL = "pools: [{name: p, nodeSelector: {pool: p}, thresholds: {memory: {requests: 50%}}}]"
OTHER_POOL = POOL.replace("50%", "60%")


def under(settings: str = "") -> Basis:
    made = config(settings)
    return Basis(AccountingRules(made), digest(made))


def request() -> AdmissionRequest:
    return decode(review())


def binding() -> AdmissionRequest:
    body = json.loads(review(object={"metadata": {"name": "web", "uid": "u"}, "target": {"name": "node"}}))
    body["request"] |= {"kind": {"group": "", "version": "v1", "kind": "Binding"}, "subResource": "binding"}
    body["request"]["resource"] = {"group": "", "version": "v1", "resource": "pods"}
    found = decode(json.dumps(body).encode())
    assert found.is_binding
    return found


def test_each_change_makes_another_value_and_leaves_the_first_as_it_was() -> None:
    first = Basis(AccountingRules(config("")), "first", Help("ns/config"))
    made = config("mode: warn\nmessage: ask us")
    second = first.configured(made, "second")
    assert (first.config_hash, first.config.mode.value, first.help.contact) == ("first", "enforce", "")
    assert (second.config_hash, second.config, second.rules) == ("second", made, NEWEST)
    assert second.help == Help("ns/config", contact="ask us")
    third = second.counted_by((KUBERNETES_1_36,))
    assert (third.config_hash, third.config, third.rules) == ("second", made, (KUBERNETES_1_36,))
    assert third.help == second.help
    assert first != second != third


@pytest.mark.parametrize(
    "settings",
    [
        "thresholds: {memory: {requests: 10%}}",
        "warnAt: 50%",
        "reserve: {nodes: 1}",
        "message: ask us",
        "overrides: [{namespaces: [another], mode: warn}]",
    ],
)
def test_what_is_no_part_of_an_evaluation_makes_no_difference(settings: str) -> None:
    assert under().evaluates_alike(under(settings), request())


@pytest.mark.parametrize(
    "settings",
    [
        "mode: warn",
        "missingLimits: deny",
        "missingRequests: deny",
        "unplaceable: deny",
        "exempt: {namespaces: [some]}",
        "overrides: [{namespaces: [default], mode: warn}]",
        POOL,
    ],
)
def test_what_an_evaluation_depends_on_makes_a_difference(settings: str) -> None:
    assert not under().evaluates_alike(under(settings), request())
    assert not under(settings).evaluates_alike(under(), request())


def test_other_rules_of_counting_make_a_difference() -> None:
    assert not under().evaluates_alike(under().counted_by((KUBERNETES_1_36,)), request())


def test_pools_matter_to_a_binding_and_to_a_pod_only_whether_there_are_any() -> None:
    assert under(POOL).evaluates_alike(under(OTHER_POOL), request())
    assert not under(POOL).evaluates_alike(under(OTHER_POOL), binding())
    assert under(POOL).evaluates_alike(under(POOL), binding())

"""Adoption: selectors as the API server reads them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.api.types import ObjectError
from webhook.core.api.workloads import Workload, read_workload
from webhook.core.forecast.adoption import UnsettledError, adopts, adopts_set, read_found, selector_text

Json = dict[str, Any]


def made(selector: Json | None = None, **spec: Any) -> Workload:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {}}
    return read_workload(json.dumps({"spec": {"selector": selector or {}, "template": template, **spec}}).encode())


def replica_set(labels: Json, template: Json | None = None) -> Workload:
    hashed = {"metadata": {"labels": {"app": "web", "pod-template-hash": "x"}, "creationTimestamp": None}, "spec": {}}
    whole = {"metadata": {"name": "s", "labels": labels}, "spec": {"template": template or hashed}}
    return read_workload(json.dumps(whole).encode())


def requirement(operator: str, *values: str, key: str = "tier") -> Json:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": values} if values else {})}]}


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"matchLabels": {"app": "web", "tier": ""}}, "app=web,tier="),
        (requirement("In", "a", "b"), "tier in (a,b)"),
        (requirement("NotIn", "a"), "tier notin (a)"),
        (requirement("Exists"), "tier"),
        (requirement("DoesNotExist"), "!tier"),
        ({"matchLabels": {"app": "web"}, **requirement("Exists")}, "app=web,tier"),
    ],
)
def test_a_selector_is_asked_for_as_the_api_takes_it(selector: Json, text: str) -> None:
    assert selector_text(made(selector).spec.selector) == text


@given(st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]), st.sampled_from([None, "a", "b"]))
def test_a_selector_finds_labels_as_kubernetes_says(operator: str, label: str | None) -> None:
    values = ("a", "c") if operator in {"In", "NotIn"} else ()
    found = {
        "In": label == "a",
        "NotIn": label != "a",
        "Exists": label is not None,
        "DoesNotExist": label is None,
    }
    labels = {} if label is None else {"tier": label}
    assert adopts_set("web", made(requirement(operator, *values)), replica_set(labels)) is found[operator]


def test_all_of_a_selector_must_be_met() -> None:
    both = made({"matchLabels": {"app": "web"}, **requirement("Exists")})
    assert adopts_set("web", both, replica_set({"app": "web", "tier": "x"}))
    assert not adopts_set("web", both, replica_set({"app": "web"}))
    assert not adopts_set("web", both, replica_set({"app": "api", "tier": "x"}))


def test_a_template_is_the_same_but_for_the_hash() -> None:
    new = made({"matchLabels": {"app": "web"}})
    other = {"metadata": {"labels": {"app": "web", "pod-template-hash": "x"}}, "spec": {"nodeName": "a"}}
    with pytest.raises(UnsettledError, match="of another template"):
        adopts_set("web", new, replica_set({"app": "web"}, other))
    with pytest.raises(ObjectError):
        adopts_set("web", new, replica_set({"app": "web"}, {"spec": {}}))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"])
def test_who_adopts_by_a_selector(kind: str) -> None:
    assert adopts(kind, made())
    assert not adopts("CronJob", made())
    assert not adopts("Job", made())
    assert adopts("Job", made(manualSelector=True))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"items": 7}'])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(ObjectError):
        read_found(body)

"""Forms: what the API server may write in a review passes, and whatever else is refused in one short sentence."""

import json
import re
from contextlib import nullcontext as does_not_raise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import config
from tests.support.sample_reviews import SAMPLES, asking, body, memory, resize, sample
from webhook.core.api.types import Pod, PodMeta, PodSpec
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import NEWEST
from webhook.core.reviews import forms
from webhook.core.reviews.evaluation import Evaluation, evaluate
from webhook.core.reviews.forms import LONGEST_NAME, LONGEST_UID, LONGEST_USER, LONGEST_WORD, usable
from webhook.core.reviews.review import AdmissionRequest, ReviewError, decode, decode_of_pod
from webhook.core.reviews.verdict import Reason

ACCOUNTING = AccountingRules(config(""))
LONG = 200_000
POD = {"version": "v1", "kind": "Pod"}


def ask(data: bytes) -> AdmissionRequest:
    """Go as far as everything goes that is kept of a review; raises `ReviewError`."""
    request = decode_of_pod(data)
    asked = evaluate(request, ACCOUNTING)
    assert isinstance(asked, Evaluation) or asked.reason is not Reason.INVALID, asked
    return request


def refused(data: bytes) -> str:
    with pytest.raises(ReviewError) as caught:
        ask(data)
    told = str(caught.value)
    assert told.isascii()
    assert told.isprintable()
    assert len(told) < 400
    return told


def of_pod(metadata: Any = None, spec: Any = None, **request: Any) -> bytes:
    made = {"metadata": {"name": "web", "namespace": "shop", "uid": "u"} | (metadata or {}), "spec": spec or {}}
    asked = {"kind": POD, "operation": "CREATE", "namespace": "shop", "name": "web", "object": made}
    return body(**(asked | request))


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_whatever_an_api_server_sent_passes(name: str) -> None:
    request = ask(sample(name))
    assert request.user_info.username == json.loads(sample(name))["request"]["userInfo"]["username"]


@pytest.mark.parametrize(
    "data",
    [
        of_pod({"name": "a" * 253, "namespace": "n" * 63}, namespace="n" * 63, name="a" * 253, uid="u" * 128),
        of_pod({"name": "a.b-c.0"}, {"nodeName": "10.0.0.1.example.com", "priorityClassName": "p" * 253}),
        of_pod({"name": "web-x2x7k", "generateName": "web-"}, name=""),
        of_pod({"name": "renamed-by-a-webhook"}),
        of_pod({"name": "", "namespace": "", "uid": ""}),
        of_pod(uid="705ab4f5-6393-11e8-b7cc-42010a800002"),
        of_pod(userInfo={"username": "CN=" + "ü" * LONG}),
        of_pod({"ownerReferences": [{"kind": "K" * 9000, "name": "any\x00thing", "uid": "u" * 9000}] * 20}),
        of_pod({"labels": {"k" * LONG: "v" * LONG}, "annotations": {"a": "b" * LONG}}),
        body(kind={"group": "example.com", "kind": "Gadget"}, name="system:any:name", namespace=""),
        body(operation="SOMETHING-NEW", kind=POD),
        body(),
    ],
    ids=lambda data: data[:60].decode() if isinstance(data, bytes) else "",
)
def test_whatever_it_may_send_passes(data: bytes) -> None:
    ask(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (of_pod(uid="u" * (3 << 20)), "request.uid is "),
        (of_pod(uid="u" * 129), "request.uid is "),
        (of_pod(uid="two words"), "request.uid is "),
        (of_pod(uid="\u00fc"), "request.uid is "),
        (of_pod(namespace="n" * 64), "request.namespace is "),
        (of_pod(namespace="../.."), "request.namespace is "),
        (of_pod(namespace="Shop"), "request.namespace is "),
        (of_pod(name="a" * 254), "request.name is "),
        (of_pod(name="a" * LONG), "(200,000 characters), and not a DNS subdomain of at most 253 characters"),
        (of_pod(name="web\n\x1b[2J\u202e"), "request.name is "),
        (of_pod(name="-web"), "request.name is "),
        (of_pod(operation="C" * 64), "request.operation is "),
        (of_pod(subResource="resize/../x"), "request.subResource is "),
        (body(kind={"kind": "K" * LONG}), "request.kind.kind is "),
        (body(kind={"kind": "Evil\nKind"}), "request.kind.kind is "),
        (body(kind={"kind": "K", "group": "g" * LONG}), "request.kind.group is "),
        (body(kind={"kind": "K"}, name="n" * LONG), "request.name is "),
        (body(resource={"resource": "r" * LONG}), "request.resource.resource is "),
        (of_pod({"name": "b" * LONG}), "object.metadata.name is "),
        (of_pod({"name": "B"}), "object.metadata.name is "),
        (of_pod({"generateName": "g" * LONG, "name": ""}, name=""), "object.metadata.generateName is "),
        (of_pod({"namespace": "kube-system"}), 'object.metadata.namespace is "kube-system", request.namespace "shop"'),
        (of_pod({"uid": "u" * LONG}), "object.metadata.uid is "),
        (of_pod({"resourceVersion": "9" * LONG}), "object.metadata.resourceVersion is "),
        (of_pod(spec={"nodeName": "n" * LONG}), "object.spec.nodeName is "),
        (of_pod(spec={"nodeName": "n\nn"}), "object.spec.nodeName is "),
        (of_pod(spec={"priorityClassName": "p" * LONG}), "object.spec.priorityClassName is "),
        (resize(memory("1Gi"), memory("2Gi"), revision="9" * LONG, status={}), "object.metadata.resourceVersion is "),
        (resize(memory("1Gi"), memory("2Gi"), name="other", metadata={"name": "web"}), "object.metadata.name and req"),
    ],
)
def test_what_it_never_sends_is_refused(data: bytes, said: str) -> None:
    assert said in refused(data)


@pytest.mark.parametrize("field", ["name", "uid"])
def test_an_update_is_about_one_pod(field: str) -> None:
    whole = json.loads(resize(memory("1Gi"), memory("2Gi")))
    whole["request"]["oldObject"]["metadata"][field] = "another"
    told = refused(json.dumps(whole).encode())
    assert told.startswith(f"object.metadata.{field} and oldObject.metadata.{field} differ: ")


def test_a_field_cannot_be_shifted_into_the_next_one() -> None:
    assert "request.uid is " in refused(of_pod(uid="u\nshop", namespace=""))
    assert "object.metadata.name is " in refused(of_pod({"name": "web\n", "generateName": ""}))


words = st.sampled_from(["", "web", "a.b", "-a", "a-", "A", "a..b", "a\n", "\n", "u", "ü", "x" * 64, "n" * 254, "7"])
shifted = st.lists(words, min_size=3, max_size=3).map(tuple)


@given(shifted, st.sampled_from([forms._NEW_POD, ("CREATE", "", "Pod", "", "pods", "resize"), ("UPDATE", *[""] * 5)]))
def test_the_short_way_for_a_new_pod_asks_the_same_of_a_request(
    identity: tuple[str, str, str], asked: tuple[str, ...]
) -> None:
    in_form = all(re.fullmatch(*each) for each in zip(forms._ASKED.values(), identity + asked, strict=True))
    with does_not_raise() if in_form else pytest.raises(forms.FormError):
        forms.check_asked(identity, asked, of_pod=True)


@given(st.lists(words, min_size=7, max_size=7), st.booleans(), st.booleans())
def test_the_short_way_for_a_new_pod_asks_the_same_of_the_pod(said: list[str], alike: bool, bare: bool) -> None:
    namespace, name = "shop", "web"
    if alike:
        said[0], said[2] = name, namespace
    if bare:
        said[4:] = [""] * 3
    meta = PodMeta(said[0], said[1], said[2], said[3], said[4])
    made = Pod(meta, PodSpec(node_name=said[5], priority_class_name=said[6]))
    in_form = all(re.fullmatch(*each) for each in zip(forms._OF_POD.values(), said, strict=True))
    with does_not_raise() if in_form and said[2] in ("", namespace) else pytest.raises(forms.FormError):
        forms.check_pod(made, namespace, name)


@given(st.text(max_size=300), st.sampled_from(["uid", "namespace", "name", "operation", "subResource"]))
def test_what_passes_is_short_and_of_one_line(text: str, field: str) -> None:
    try:
        request = ask(of_pod({"namespace": ""}, **{field: text}))
    except ReviewError:
        return
    passed = (request.uid, request.namespace, request.name, request.operation, request.sub_resource)
    for each, most in zip(passed, (128, 63, 253, 63, 63), strict=True):
        assert len(each) <= most
        assert each == "" or (each.isascii() and each.isprintable())


def test_a_user_is_never_refused_and_two_of_them_stay_two() -> None:
    names = ["x" * 5000 + end for end in ("a", "b")] + ["\ud800" * 2000, "short", "y" * LONGEST_USER]
    shown = [usable(name) for name in names]
    assert len(set(shown)) == len(names)
    assert all(len(each) <= LONGEST_USER for each in shown)
    assert shown[3:] == names[3:]
    told = decode(of_pod(userInfo={"username": names[0]})).user_info.username
    assert told == shown[0]


def test_what_waits_holds_no_object_and_no_body() -> None:
    much = 100_000
    owner = {"kind": "ReplicaSet", "name": "n" * much, "uid": "u" * much, "apiVersion": "v" * much, "controller": True}
    large = {
        "ownerReferences": [{"kind": "K" * much}, owner],
        "annotations": {"kubernetes.io/config.mirror": "m" * LONG},
    }
    spec = {"containers": [{"name": "c" * LONG}] * 3, "initContainers": [{"name": "i" * LONG}]}
    for data in (of_pod(large, spec), resize(memory("1Gi"), memory("2Gi"), metadata=large, status={})):
        asked = evaluate(decode_of_pod(data), ACCOUNTING)
        assert isinstance(asked, Evaluation)
        kept = asked.kept(NEWEST)
        assert len(repr((kept.request, kept.pod))) < 2500
        assert bytes(kept.request.old_object) == b"null"
        (reference,) = kept.pod.metadata.owner_references
        assert (reference.kind, reference.controller, len(reference.name)) == ("ReplicaSet", True, 254)
        longest = LONGEST_NAME + len("/") + LONGEST_WORD
        assert len(reference.api_version) == longest + 1, "too long to be taken for another"
        assert len(reference.uid) == LONGEST_UID + 1


def test_a_pod_asks_the_same_once_its_objects_are_gone() -> None:
    asked = evaluate(asking(metadata={"ownerReferences": []}), ACCOUNTING)
    assert isinstance(asked, Evaluation)
    kept = asked.kept(NEWEST)
    assert (kept.info, kept.mode, kept.exempt, kept.form) == (asked.info, asked.mode, asked.exempt, asked.form)

"""Reviews: what is read of them, what is refused, and the exact bytes of an answer."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sample_reviews import SAMPLES, body, sample
from webhook.core.api.types import ObjectError
from webhook.core.pods.footprint import footprint
from webhook.core.reviews.review import (
    AdmissionRequest,
    AdmissionResponse,
    ReviewError,
    Status,
    decode,
    decode_of_pod,
    encode,
)

MI = 1 << 20


def object_of(text: str) -> bytes:
    return body(object=0).replace(b'"object": 0', b'"object": ' + text.encode())


def test_a_pod_of_a_replica_set() -> None:
    request = decode(sample("pod-of-a-replicaset"))
    assert (request.uid, request.operation) == ("705ab4f5-6393-11e8-b7cc-42010a800002", "CREATE")
    assert (request.namespace, request.name) == ("shop", "frontend-7c9d8b6f5d-x2x7k")
    assert request.user_info.username == "system:serviceaccount:kube-system:replicaset-controller"
    assert (request.is_pod, request.what, bool(request.dry_run)) == (True, "Pod", False)
    pod = request.pod()
    assert pod.metadata.uid == "b2d6f7a4-6f0a-4a39-9a5d-3f0c5b0e7d21"
    assert [(o.kind, o.name, o.controller) for o in pod.metadata.owner_references] == [
        ("ReplicaSet", "frontend-7c9d8b6f5d", True)
    ]
    amounts = footprint(pod)
    assert (amounts.memory_requests, amounts.memory_limits, amounts.cpu_requests) == (128 * MI, 256 * MI, 250)


def test_a_generated_name_is_final_already_and_a_dry_run_says_so() -> None:
    request = decode(sample("generated-name-under-dry-run"))
    assert (request.name, request.dry_run) == ("job-9lq4d", True)
    pod = request.pod()
    assert (pod.metadata.name, pod.metadata.generate_name) == ("job-9lq4d", "job-")
    assert pod.spec.node_selector == {"kubernetes.io/arch": "arm64", "pool": "high-mem"}
    assert footprint(pod).memory_requests == (128 + 32) * MI


def test_a_mirror_pod() -> None:
    request = decode(sample("mirror-pod"))
    pod = request.pod()
    assert request.user_info.username == "system:node:worker-1"
    assert (pod.metadata.annotations.mirror, pod.spec.node_name) == ("1f6b8a4b9c0d", "worker-1")
    assert pod.spec.priority_class_name == "system-node-critical"


def test_a_resize_has_the_whole_pod_twice_at_one_revision_and_the_same_status() -> None:
    request = decode(sample("resize-of-a-pod"))
    assert (request.operation, request.is_resize, request.is_pod, request.what) == ("UPDATE", True, False, "Pod/resize")
    old, new = request.old_pod(), request.pod()
    assert (old.metadata.uid, old.metadata.resource_version) == (new.metadata.uid, new.metadata.resource_version)
    assert (old.status, old.spec.node_name) == (new.status, new.spec.node_name)
    assert (footprint(old).memory_requests, footprint(new).memory_requests) == (256 * MI, 1280 * MI)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("deployment", "Deployment"),
        ("scale-of-a-deployment", "Scale/scale"),
        ("server-side-apply-of-a-deployment", "Deployment"),
    ],
)
def test_what_is_no_pod_is_named(name: str, what: str) -> None:
    request = decode(sample(name))
    assert (request.is_pod, request.what, request.namespace, request.name) == (False, what, "shop", "frontend")


@pytest.mark.parametrize(
    ("kind", "sub_resource", "is_pod", "what"),
    [
        ({"version": "v1", "kind": "Pod"}, "", True, "Pod"),
        ({"version": "v1", "kind": "Pod"}, "resize", False, "Pod/resize"),
        ({"group": "example.com", "version": "v1", "kind": "Pod"}, "", False, "Pod"),
        ({"version": "v1", "kind": "Binding"}, "binding", False, "Binding/binding"),
        ({}, "", False, "object of no kind"),
    ],
)
def test_only_the_pod_itself_is_a_pod(kind: dict[str, str], sub_resource: str, is_pod: bool, what: str) -> None:
    request = decode(body(kind=kind, subResource=sub_resource))
    assert (request.is_pod, request.what) == (is_pod, what)


def test_what_may_be_missing_or_null() -> None:
    for request in (decode(body()), decode(body(object=None, oldObject=None, dryRun=None, options=None))):
        assert (request.namespace, request.name, request.operation, request.user_info.username) == ("", "", "", "")
        assert not request.dry_run
        assert not request.is_pod
        with pytest.raises(ObjectError, match="object: expected object, got null"):
            request.pod()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "the body is not an AdmissionReview: "),
        (b"null", "the body is not an AdmissionReview: "),
        (b"[]", "the body is not an AdmissionReview: "),
        (b"\xff\xfe", "the body is not an AdmissionReview: "),
        (b"kind: AdmissionReview", "the body is not an AdmissionReview: "),
        (body() + b" and more", "the body is not an AdmissionReview: "),
        (body(name="\N{REPLACEMENT CHARACTER}").replace(rb"\ufffd", b"\xff"), "the body is not an AdmissionReview: "),
        (body(name="\ud800"), "the body is not an AdmissionReview: "),
        (body(name=5), "Expected `str`, got `int` - at `$.request.name`"),
        (body(object=0).replace(b"0}", b"[" * 100_000), "the body is not an AdmissionReview: "),
        (b"{}", 'send admission.k8s.io/v1 AdmissionReview, not "no apiVersion, no kind"'),
        (
            b'{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}',
            'not "admission.k8s.io/v1beta1, AdmissionReview"',
        ),
        (b'{"apiVersion":"v1","kind":"Pod"}', 'not "v1, Pod"'),
        (b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', "has no request with a uid"),
        (body(uid=""), "has no request with a uid"),
        (body(uid=None), "the body is not an AdmissionReview: "),
    ],
)
def test_a_body_that_nobody_can_answer_is_refused_with_the_reason(data: bytes, fault: str) -> None:
    with pytest.raises(ReviewError) as caught:
        decode(data)
    assert fault in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_refusal_repeats_little_of_what_was_sent() -> None:
    with pytest.raises(ReviewError) as caught:
        decode(json.dumps({"apiVersion": "\x1b[31m\n" * 10_000, "kind": "x" * 10_000}).encode())
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('"a pod"', "object: expected object, got str"),
        ('{"metadata": []}', "metadata: expected object, got array"),
        ('{"spec": {"containers": [{"name": 5}]}}', "spec.containers[0].name: expected str, got int"),
        ('{"spec": {"overhead": {"memory": 1e999}}}', "no readable JSON: "),
        (f'{{"spec": {{"overhead": {{"memory": {"9" * 5000}}}}}}}', "no readable JSON: "),
        (f'{{"metadata": {{"labels": {"[" * 900}{"]" * 900}, "name": 5}}}}', "nested too deeply: "),
    ],
)
def test_an_object_that_is_no_pod_says_where(text: str, fault: str) -> None:
    with pytest.raises(ObjectError) as caught:
        decode(object_of(text)).pod()
    assert str(caught.value).startswith(fault)


def test_nulls_in_a_pod_are_as_good_as_absent() -> None:
    text = '{"metadata": {"name": "p", "annotations": null}, "spec": {"containers": [null], "nodeName": null}}'
    pod = decode(object_of(text)).pod()
    assert (pod.metadata.name, pod.spec.node_name, len(pod.spec.containers)) == ("p", "", 1)


def test_a_pod_may_be_nested_as_deeply_as_any_that_the_api_server_takes() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"f:x": deep}
    pod = {"metadata": {"name": "p", "managedFields": [{"fieldsV1": deep}]}}
    assert decode(body(object=pod)).pod().metadata.name == "p"


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with pytest.raises(ReviewError):
        decode(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
request_fields = st.sampled_from(
    ["uid", "kind", "subResource", "operation", "namespace", "name", "userInfo", "dryRun", "object"]
)


@given(st.dictionaries(request_fields, json_values, max_size=4))
def test_a_request_of_any_shape_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        request = decode(body(**fields))
    except ReviewError:
        return
    assert request.uid
    with suppress(ObjectError):
        request.pod()


# -- in one pass -------------------------------------------------------------------------------------------------------


def told(read: Callable[[bytes], AdmissionRequest], data: bytes) -> tuple[object, ...]:
    """All that is made of a body, be it an error."""
    try:
        request = read(data)
    except ReviewError as error:
        return (str(error),)
    fields = tuple(getattr(request, name) for name in request.__struct_fields__ if name != "object")
    try:
        return *fields, request.pod()
    except ObjectError as error:
        return *fields, str(error)


@given(st.dictionaries(request_fields, json_values, max_size=4))
def test_one_pass_makes_the_same_of_any_request(fields: dict[str, Any]) -> None:
    data = body(**fields)
    assert told(decode_of_pod, data) == told(decode, data)


@given(
    st.one_of(
        json_values,
        st.fixed_dictionaries(
            {},
            optional={"metadata": json_values, "spec": st.fixed_dictionaries({}, optional={"containers": json_values})},
        ),
    )
)
def test_one_pass_makes_the_same_of_any_object(value: Any) -> None:
    data = body(object=value)
    assert told(decode_of_pod, data) == told(decode, data)


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_one_pass_makes_the_same_of_what_an_api_server_sends(name: str) -> None:
    assert told(decode_of_pod, sample(name)) == told(decode, sample(name))


def test_one_pass_makes_no_pod_of_an_object_that_is_missing() -> None:
    for data in (body(), body(object=None)):
        with pytest.raises(ObjectError, match="object: expected object, got null"):
            decode_of_pod(data).pod()


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (AdmissionResponse("u", True), {"uid": "u", "allowed": True}),
        (
            AdmissionResponse("u", False, Status(403, "no", "Forbidden"), audit_annotations={"decision": "deny"}),
            {
                "uid": "u",
                "allowed": False,
                "status": {"code": 403, "message": "no", "reason": "Forbidden"},
                "auditAnnotations": {"decision": "deny"},
            },
        ),
        (AdmissionResponse("u", True, warnings=("a", "b")), {"uid": "u", "allowed": True, "warnings": ["a", "b"]}),
    ],
)
def test_an_answer_holds_what_is_said_and_nothing_else(response: AdmissionResponse, expected: dict[str, Any]) -> None:
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": expected}
    assert json.loads(encode(response)) == whole


def test_the_bytes_of_a_plain_answer() -> None:
    assert encode(AdmissionResponse("u", True)) == (
        b'{"response":{"uid":"u","allowed":true},"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}'
    )


def test_every_sample_is_one_that_is_tested_here() -> None:
    assert sorted(path.stem for path in SAMPLES.glob("*.json")) == [
        "deployment",
        "generated-name-under-dry-run",
        "mirror-pod",
        "pod-of-a-replicaset",
        "resize-of-a-pod",
        "scale-of-a-deployment",
        "server-side-apply-of-a-deployment",
    ]

"""References to objects: what nothing can be called is refused, since it would end up in paths and on terminals."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from webhook.core.api.types import OwnerReference
from webhook.core.events.reference import Reference, controller, regarding

UID = "0a1b2c3d-0000-4000-8000-123456789abc"
OWNER = OwnerReference("apps/v1", "ReplicaSet", "web-5d9c", UID, controller=True)
FIELDS = {"api_version": "apps/v1", "kind": "ReplicaSet", "name": "web-5d9c", "uid": UID}


def changed(**fields: str) -> OwnerReference:
    return OwnerReference(**{**FIELDS, **fields}, controller=True)


def test_the_controller_among_the_owners_is_meant() -> None:
    other = OwnerReference("v1", "ConfigMap", "other", "1")
    assert controller((other, OWNER), "shop") == Reference("apps/v1", "ReplicaSet", "shop", "web-5d9c", UID)


def test_without_a_controller_nobody_is() -> None:
    assert controller((), "shop") is None
    assert controller((replace(OWNER, controller=False),), "shop") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"api_version": "v1", "kind": "ReplicationController"},
        {"api_version": "batch/v1", "kind": "Job", "name": "a" * 253},
        {"api_version": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "a.b-c.0"},
        {"api_version": f"{'a' * 253}/v1", "kind": "K" * 63},
        {"uid": "1"},
    ],
)
def test_what_an_object_may_be_called_is_taken_as_it_is(fields: dict[str, str]) -> None:
    found = regarding(changed(**fields), "shop")
    assert found is not None
    assert found._asdict() == {**FIELDS, "namespace": "shop", **fields}


@pytest.mark.parametrize(
    "fields",
    [
        *({field: ""} for field in FIELDS),
        *({field: "a\n"} for field in FIELDS),
        *({field: "a" * 5000} for field in FIELDS),
        *({"name": name} for name in ("..", ".", "a/b", "a%2f", "A", "a?b=c", "a#", "-a", "a-", "\x1b[2J", "\uff41")),
        *({"api_version": version} for version in ("apps/v1/..", "/v1", "apps/", "../v1", "apps/V1")),
        *({"kind": kind} for kind in ("Replica Set", "Pod/exec", "1Pod", "\u202ePod")),
        {"uid": "a b"},
    ],
)
def test_what_no_object_can_be_called_is_refused(fields: dict[str, str]) -> None:
    assert regarding(changed(**fields), "shop") is None


@pytest.mark.parametrize("namespace", ["", "..", "a/b", "Shop", "a" * 64, "a.b", "shop\n"])
def test_so_is_what_no_namespace_can_be_called(namespace: str) -> None:
    assert regarding(OWNER, namespace) is None


@given(st.builds(OwnerReference, *[st.text(max_size=12)] * 4, st.booleans()), st.text(max_size=6))
def test_whatever_passes_is_one_harmless_segment_of_a_path(owner: OwnerReference, namespace: str) -> None:
    found = regarding(owner, namespace)
    if found is not None:
        for text in found._replace(api_version="v1"):
            assert re.fullmatch(r"[-.A-Za-z0-9]+", text)
            assert text not in {".", ".."}

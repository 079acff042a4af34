"""The replicas behind the Service: each address once, and which of them must answer."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.fake_objects import FakeObjects
from webhook.controllers.replicas import Address, Replicas, addresses
from webhook.kube.objects import Object

HTTPS = [{"name": "http", "port": 8080}, {"name": "https", "port": 8443}]


def endpoint(host: str, name: str | None = None, **conditions: bool | None) -> Object:
    made: Object = {"addresses": [host], "conditions": conditions}
    return made if name is None else made | {"targetRef": {"kind": "Pod", "name": name}}


def one_slice(*endpoints: Object, ports: Any = HTTPS) -> Object:
    return {"metadata": {"name": "headroom-x"}, "endpoints": list(endpoints), "ports": ports}


def test_each_address_is_found_once_by_its_pods_name() -> None:
    slices = [one_slice(endpoint("10.0.0.1", "a"), endpoint("fd00::1")), one_slice(endpoint("10.0.0.1", "a"))]
    assert list(addresses(slices)) == [
        Address("a", "10.0.0.1", 8443, must_answer=True),
        Address("fd00::1:8443", "fd00::1", 8443, must_answer=True),
    ]


@pytest.mark.parametrize(
    ("conditions", "must"),
    [
        ({}, True),
        ({"ready": True}, True),
        ({"ready": None, "serving": None}, True),
        ({"ready": False, "serving": True, "terminating": True}, False),
        ({"ready": False}, False),
        ({"serving": False}, False),
    ],
)
def test_one_that_is_not_ready_need_not_answer(conditions: dict[str, Any], must: bool) -> None:
    (found,) = addresses([one_slice(endpoint("10.0.0.1", **conditions))])
    assert found.must_answer is must


@pytest.mark.parametrize("made", [{}, {"endpoints": None, "ports": None}, one_slice(endpoint("10.0.0.1"), ports=None)])
def test_slices_without_endpoints_or_ports_have_no_address(made: Object) -> None:
    assert list(addresses([made])) == []


def served(shows: Mapping[str, str | None], *endpoints: Object, wanted: str = "new") -> Mapping[str, str | None]:
    slices = FakeObjects()
    slices.put(one_slice(*endpoints))
    return Replicas(slices, lambda host, _port, _timeout: shows[host]).served(wanted)


def test_every_replica_is_asked_what_it_shows() -> None:
    assert served({"1": "new", "2": "new"}, endpoint("1", "a"), endpoint("2", "b")) == {"a": "new", "b": "new"}


def test_it_ends_at_the_first_that_shows_something_else() -> None:
    assert served({"1": "old"}, endpoint("1", "a"), endpoint("2", "b")) == {"a": "old"}
    assert served({"1": None}, endpoint("1", "a"), endpoint("2", "b")) == {"a": None}


def test_one_that_ends_is_left_out_if_silent_and_counts_if_it_still_serves() -> None:
    ending = endpoint("1", "a", ready=False)
    assert served({"1": None, "2": "new"}, ending, endpoint("2", "b")) == {"b": "new"}
    assert served({"1": "old"}, ending, endpoint("2", "b")) == {"a": "old"}

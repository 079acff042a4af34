"""Whole objects over HTTP: what is not looked at stays, writes name their manager, and bad answers are faults."""

import json
from collections.abc import Iterator

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_configmaps import PATH, FakeConfigMaps
from webhook.kube.client import Api
from webhook.kube.objects import Objects
from webhook.kube.stream import ApiError, Conflict, KubeError, NotFound


@pytest.fixture
def server() -> Iterator[FakeConfigMaps]:
    with FakeConfigMaps() as server:
        yield server


@pytest.fixture
def objects(server: FakeConfigMaps) -> Iterator[Objects]:
    api = Api(Configuration(host=server.url))
    yield Objects(api, PATH, "somebody", 1.0)
    api.close()


def test_what_is_not_there_is_none(objects: Objects) -> None:
    assert objects.get("some") is None


def test_what_was_made_is_read_with_the_api_servers_time(server: FakeConfigMaps, objects: Objects) -> None:
    made = objects.create({"metadata": {"name": "some"}, "data": {"key": "välue"}})
    found = objects.get("some")
    assert found is not None
    assert found.object["data"] == {"key": "välue"}
    assert found.revision == made.revision != ""
    assert found.at is not None
    assert server.calls[0].query == {"fieldManager": "somebody"}


def test_a_name_is_taken_once_and_a_revision_is_replaced_once(server: FakeConfigMaps, objects: Objects) -> None:
    made = objects.create({"metadata": {"name": "some"}, "data": {"key": "1"}})
    with pytest.raises(Conflict):
        objects.create({"metadata": {"name": "some"}, "data": {}})
    objects.replace(made.object | {"data": {"key": "2"}})
    with pytest.raises(Conflict):
        objects.replace(made.object | {"data": {"key": "3"}})
    assert server.data("some") == {"key": "2"}
    assert server.calls[-1].query == {"fieldManager": "somebody"}
    server.delete("some")
    with pytest.raises(NotFound):
        objects.replace(made.object)


def test_items_are_those_of_the_query(server: FakeConfigMaps, objects: Objects) -> None:
    server.write("some", {})
    server.write("other", {})
    (found,) = objects.items({"fieldSelector": "metadata.name=some", "limit": "5"})
    assert found["metadata"]["name"] == "some"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b"\xff"])
def test_an_answer_that_is_no_object_is_a_fault(server: FakeConfigMaps, objects: Objects, body: bytes) -> None:
    server.reply("list", body)
    with pytest.raises(KubeError, match="the answer is"):
        objects.get("some")


def test_a_refusal_is_raised(server: FakeConfigMaps, objects: Objects) -> None:
    server.refuse("list", 403)
    with pytest.raises(ApiError):
        objects.get("some")
    assert json.dumps(server.objects) == "{}"

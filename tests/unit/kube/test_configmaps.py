"""ConfigMaps over HTTP: read whole, made once, replaced by compare-and-swap."""

import json
from collections.abc import Iterator

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_configmaps import NAMESPACE, PATH, FakeConfigMaps
from webhook.kube.client import Api
from webhook.kube.configmaps import ConfigMaps
from webhook.kube.stream import ApiError, Conflict, NotFound, Unanswered


@pytest.fixture
def server() -> Iterator[FakeConfigMaps]:
    with FakeConfigMaps() as server:
        yield server


@pytest.fixture
def configmaps(server: FakeConfigMaps) -> Iterator[ConfigMaps]:
    api = Api(Configuration(host=server.url))
    yield ConfigMaps(api, NAMESPACE, 1.0)
    api.close()


def test_what_is_not_there_is_none(configmaps: ConfigMaps) -> None:
    assert configmaps.get("some") is None


def test_what_was_made_can_be_read(server: FakeConfigMaps, configmaps: ConfigMaps) -> None:
    revision = configmaps.create("some", {"key": "välue"})
    found = configmaps.get("some")
    assert found is not None
    assert (found.revision, found.data) == (revision, {"key": "välue"})
    assert [(call.method, call.path) for call in server.calls] == [("POST", PATH), ("GET", f"{PATH}/some")]


def test_a_name_is_taken_once(configmaps: ConfigMaps) -> None:
    configmaps.create("some", {})
    with pytest.raises(Conflict):
        configmaps.create("some", {})


def test_what_was_read_can_be_replaced_once(server: FakeConfigMaps, configmaps: ConfigMaps) -> None:
    first = configmaps.create("some", {"key": "1"})
    second = configmaps.replace("some", {"key": "2"}, first)
    assert second > first
    with pytest.raises(Conflict):
        configmaps.replace("some", {"key": "3"}, first)
    assert server.data("some") == {"key": "2"}


def test_what_is_gone_cannot_be_replaced(configmaps: ConfigMaps) -> None:
    with pytest.raises(NotFound):
        configmaps.replace("some", {}, 1)


def test_what_is_written_says_whose_it_is(server: FakeConfigMaps, configmaps: ConfigMaps) -> None:
    revision = configmaps.create("some", {"key": "1"})
    configmaps.replace("some", {"key": "2"}, revision)
    made, replaced = (json.loads(call.body) for call in server.calls)
    labels = {"app.kubernetes.io/name": "headroom", "app.kubernetes.io/managed-by": "headroom"}
    assert made == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "some", "namespace": NAMESPACE, "labels": labels},
        "data": {"key": "1"},
    }
    assert replaced["metadata"] == {**made["metadata"], "resourceVersion": str(revision)}


def test_other_errors_are_raised_as_they_are(server: FakeConfigMaps, configmaps: ConfigMaps) -> None:
    server.refuse("list", 403)
    with pytest.raises(ApiError, match="403"):
        configmaps.get("some")


def test_a_call_takes_no_longer_than_it_may(server: FakeConfigMaps, configmaps: ConfigMaps) -> None:
    server.hang("list")
    with pytest.raises(Unanswered):
        configmaps.get("some", timeout=0.1)


def test_a_patch_changes_the_keys_that_it_names_and_removes_those_without_a_value(
    server: FakeConfigMaps, configmaps: ConfigMaps
) -> None:
    first = configmaps.create("some", {"a": "1", "b": "2", "c": "3"})
    second = configmaps.patch("some", {"a": "4", "b": None})
    assert second > first
    assert server.data("some") == {"a": "4", "c": "3"}
    configmaps.patch("some", {"c": "5"}, second)
    with pytest.raises(Conflict):
        configmaps.patch("some", {"c": "6"}, second)
    assert server.data("some") == {"a": "4", "c": "5"}
    with pytest.raises(NotFound):
        configmaps.patch("other", {})

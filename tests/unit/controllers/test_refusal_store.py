"""The ConfigMap of refusals: made when first needed, and each replica changes its own key alone."""

from collections.abc import Iterator

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_configmaps import NAMESPACE, FakeConfigMaps
from webhook.controllers.refusal_store import NAME, RefusalStore
from webhook.kube.client import Api
from webhook.kube.configmaps import ConfigMaps
from webhook.kube.stream import Conflict


@pytest.fixture
def server() -> Iterator[FakeConfigMaps]:
    with FakeConfigMaps() as server:
        yield server


@pytest.fixture
def store(server: FakeConfigMaps) -> Iterator[RefusalStore]:
    api = Api(Configuration(host=server.url))
    yield RefusalStore(ConfigMaps(api, NAMESPACE, 2.0))
    api.close()


def test_it_is_made_when_there_is_something_to_write(server: FakeConfigMaps, store: RefusalStore) -> None:
    store.write("r1", None)
    assert NAME not in server.objects
    store.write("r1", "one")
    assert server.data(NAME) == {"r1": "one"}


def test_each_replica_changes_its_own_key_alone(server: FakeConfigMaps, store: RefusalStore) -> None:
    store.write("r1", "one")
    store.write("r2", "two")
    store.write("r1", None)
    assert server.data(NAME) == {"r2": "two"}


def test_two_replicas_that_make_it_at_the_same_time_both_write(server: FakeConfigMaps, store: RefusalStore) -> None:
    server.write(NAME, {"r2": "two"})
    server.refuse("PATCH", 404)
    store.write("r1", "one")
    assert server.data(NAME) == {"r1": "one", "r2": "two"}


def test_the_key_of_a_replica_that_has_ended_is_taken_over_once(server: FakeConfigMaps, store: RefusalStore) -> None:
    revision = server.write(NAME, {"dead": "x", "r2": "two"})
    store.take_over("dead", "r1", "one", revision)
    assert server.data(NAME) == {"r1": "one", "r2": "two"}
    with pytest.raises(Conflict):
        store.take_over("dead", "r2", "both", revision)

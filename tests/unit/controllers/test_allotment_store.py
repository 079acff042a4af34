"""The shared object in the cluster: found, marked, made, replaced; damaged and newer ones."""

from collections.abc import Iterator

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_configmaps import NAMESPACE, FakeConfigMaps
from webhook.controllers.allotment_store import NAME, AllotmentStore, TooLarge
from webhook.core.sharing.shared_state import Holding, NewerVersionError, Shared
from webhook.kube.client import Api
from webhook.kube.configmaps import ConfigMaps
from webhook.kube.stream import Conflict, NotFound

STATE = Shared("epoch", open=True, floor=7, holdings={"r1": Holding(3)})


@pytest.fixture
def server() -> Iterator[FakeConfigMaps]:
    with FakeConfigMaps() as server:
        yield server


@pytest.fixture
def escrow(server: FakeConfigMaps) -> Iterator[AllotmentStore]:
    api = Api(Configuration(host=server.url))
    yield AllotmentStore(ConfigMaps(api, NAMESPACE, 2.0))
    api.close()


def test_there_is_none_at_first(escrow: AllotmentStore) -> None:
    assert escrow.find() == (None, 0)


def test_the_mark_is_made_once_and_is_not_the_object(escrow: AllotmentStore) -> None:
    assert escrow.mark()
    assert not escrow.mark()
    assert escrow.find() == (None, 0)


def test_what_was_written_is_found(escrow: AllotmentStore) -> None:
    revision = escrow.write(STATE, 0)
    assert escrow.find() == (STATE, revision)
    later = escrow.write(Shared("epoch", open=True, serial=1), revision)
    assert escrow.find() == (Shared("epoch", open=True, serial=1), later)


def test_only_one_writer_wins(escrow: AllotmentStore) -> None:
    revision = escrow.write(STATE, 0)
    escrow.write(STATE, revision)
    for lost in (0, revision):
        with pytest.raises(Conflict):
            escrow.write(STATE, lost)


def test_what_is_gone_is_not_replaced(escrow: AllotmentStore) -> None:
    with pytest.raises(NotFound):
        escrow.write(STATE, 5)


@pytest.mark.parametrize("data", [{}, {"state.json": ""}, {"state.json": "{}"}, {"other": "x"}, {"state.json": "[1]"}])
def test_a_damaged_object_has_a_revision_and_no_state(
    server: FakeConfigMaps, escrow: AllotmentStore, data: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    revision = server.write(NAME, data)
    assert escrow.find() == (None, revision)
    assert "headroom-allotments is damaged and is created again" in caplog.text


def test_a_newer_version_is_not_understood(server: FakeConfigMaps, escrow: AllotmentStore) -> None:
    server.write(NAME, {"state.json": '{"version": 2}'})
    with pytest.raises(NewerVersionError, match="upgrade it"):
        escrow.find()


def test_what_is_too_large_is_not_sent(escrow: AllotmentStore, server: FakeConfigMaps) -> None:
    revision = escrow.write(STATE, 0)
    crowd = Shared("epoch", open=True, holdings={f"{number:08}": Holding(number) for number in range(2000)})
    with pytest.raises(TooLarge, match=r"2000 replicas would write .* bytes, and .* allowed: run fewer replicas"):
        escrow.write(crowd, revision)
    assert escrow.find() == (STATE, revision)

"""The Secret: written by create and compare-and-swap, read back, and requests by its annotation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from certs.keyring import Keyring, Step, Waits, new_token
from certs.rotation import Asked
from tests.support.certificates import AUTHORITY, FIRST, NOW, SECOND
from tests.support.fake_objects import FakeObjects
from webhook.controllers.keyring_store import ANNOTATION, NAME, KeyringStore, request
from webhook.kube.stream import Conflict, NotFound

TOKEN = new_token()
WAITS = Waits(timedelta(seconds=60), timedelta(days=1))
KEYRING = Keyring(
    AUTHORITY, (AUTHORITY.certificate,), FIRST, TOKEN, (TOKEN,), Step.STEADY, NOW.replace(microsecond=0), WAITS
)


@pytest.fixture
def secrets() -> FakeObjects:
    return FakeObjects()


@pytest.fixture
def store(secrets: FakeObjects) -> KeyringStore:
    return KeyringStore(secrets, "ns")


def same(one: Keyring | None, other: Keyring) -> bool:
    return one is not None and (one.serving.certificate, one.paths, one.step, one.since, one.waits) == (
        other.serving.certificate,
        other.paths,
        other.step,
        other.since,
        other.waits,
    )


def ask(secrets: FakeObjects, text: str) -> None:
    secret = secrets.held[NAME]
    secrets.put(secret | {"metadata": secret["metadata"] | {"annotations": {ANNOTATION: text, "other": "stays"}}})


def test_without_a_secret_there_is_no_keyring(store: KeyringStore) -> None:
    stored = store.read(WAITS)
    assert (stored.keyring, stored.revision, stored.asked) == (None, "", None)
    assert stored.fault == "there is no Secret"


def test_what_was_made_is_read_back_and_is_a_tls_secret(store: KeyringStore, secrets: FakeObjects) -> None:
    store.write(store.read(WAITS), KEYRING, taken=False)
    stored = store.read(WAITS)
    assert same(stored.keyring, KEYRING)
    assert (stored.fault, stored.at) == ("", datetime.fromtimestamp(0, UTC))
    secret = secrets.held[NAME]
    assert (secret["type"], secret["metadata"]["namespace"]) == ("kubernetes.io/tls", "ns")


def test_who_comes_second_adopts_the_first_ones(store: KeyringStore) -> None:
    nothing = store.read(WAITS)
    store.write(nothing, KEYRING, taken=False)
    with pytest.raises(Conflict):
        store.write(nothing, replace(KEYRING, serving=SECOND), taken=False)
    assert same(store.read(WAITS).keyring, KEYRING)


def test_what_was_read_can_be_replaced_once(store: KeyringStore) -> None:
    store.write(store.read(WAITS), KEYRING, taken=False)
    seen = store.read(WAITS)
    store.write(seen, replace(KEYRING, serving=SECOND), taken=False)
    with pytest.raises(Conflict):
        store.write(seen, KEYRING, taken=False)
    assert same(store.read(WAITS).keyring, replace(KEYRING, serving=SECOND))


def test_what_is_gone_cannot_be_replaced(store: KeyringStore, secrets: FakeObjects) -> None:
    store.write(store.read(WAITS), KEYRING, taken=False)
    seen = store.read(WAITS)
    secrets.held.clear()
    with pytest.raises(NotFound):
        store.write(seen, KEYRING, taken=False)


@pytest.mark.parametrize("key", ["tls.crt", "ca.key", "paths.json"])
@pytest.mark.parametrize("value", [None, "!", "QQ=="])
def test_a_damaged_secret_is_a_fault_that_names_the_secret(
    store: KeyringStore, secrets: FakeObjects, key: str, value: str | None
) -> None:
    store.write(store.read(WAITS), KEYRING, taken=False)
    secrets.held[NAME]["data"].pop(key)
    if value is not None:
        secrets.held[NAME]["data"][key] = value
    stored = store.read(WAITS)
    assert stored.keyring is None
    assert stored.fault.startswith("the Secret headroom-certificate is damaged: ")
    assert stored.revision, "it is replaced, not made"


def test_a_request_is_read_and_removed_with_the_write_that_fulfils_it(
    store: KeyringStore, secrets: FakeObjects
) -> None:
    store.write(store.read(WAITS), KEYRING, taken=False)
    ask(secrets, "authority publish=5")
    stored = store.read(WAITS)
    assert stored.asked == Asked(authority=True, waits=Waits(timedelta(seconds=5), timedelta(days=1)))
    store.write(stored, KEYRING, taken=False)
    assert store.read(WAITS).asked == stored.asked, "another write leaves it"
    store.write(store.read(WAITS), KEYRING, taken=True)
    assert store.read(WAITS).asked is None
    assert secrets.held[NAME]["metadata"]["annotations"] == {"other": "stays"}


def test_a_bad_request_is_reported_and_changes_nothing(store: KeyringStore, secrets: FakeObjects) -> None:
    store.write(store.read(WAITS), KEYRING, taken=False)
    ask(secrets, "everything")
    stored = store.read(WAITS)
    assert stored.asked is None
    assert "must begin with certificate or authority" in stored.bad_request
    assert same(stored.keyring, KEYRING)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("certificate", Asked(authority=False, waits=WAITS)),
        ("authority", Asked(authority=True, waits=WAITS)),
        ("certificate retire=0 publish=1.5", Asked(False, Waits(timedelta(seconds=1.5), timedelta(0)))),
    ],
)
def test_requests(text: str, asked: Asked) -> None:
    assert request(text, WAITS) == asked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must begin with certificate or authority"),
        ("authority wait=1", "only publish=SECONDS and retire=SECONDS are known"),
        ("authority publish", "write seconds, from 0 to 2592000"),
        ("authority publish=nan", "write seconds"),
        ("authority publish=-1", "write seconds"),
        ("authority retire=inf", "write seconds"),
        ("authority retire=1e999", "write seconds"),
    ],
)
def test_bad_requests_say_what_is_right(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        request(text, WAITS)

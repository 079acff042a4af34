"""The data of the Secret: it is read back as it was written, and whatever is damaged is refused with a reason."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from certs import names
from certs.authority import issue, make_authority, new_key
from certs.bundle import write_certificates, write_key
from certs.keyring import PLAIN, Keyring, Step, Waits, is_token, new_token, read, write

NOW = datetime(2026, 7, 1, tzinfo=UTC)
NAMES = names.parse(["a.test"], [])
OLD, NEW = make_authority("old", NOW), make_authority("new", NOW)
FIRST, SECOND = new_token(), new_token()
KEYRING = Keyring(
    OLD,
    (OLD.certificate, NEW.certificate),
    issue(OLD, NAMES, NOW),
    FIRST,
    (SECOND, FIRST, PLAIN),
    Step.RETIRE,
    NOW,
    Waits(timedelta(seconds=1.5), timedelta(hours=1)),
)
PUBLISHED = replace(KEYRING, authority=NEW, trusted=(NEW.certificate, OLD.certificate), step=Step.PUBLISH)


@pytest.mark.parametrize("keyring", [KEYRING, PUBLISHED])
def test_a_keyring_is_read_back_as_it_was_written(keyring: Keyring) -> None:
    data = write(keyring)
    again = read(data)
    assert write(again) == data
    assert replace(again, authority=keyring.authority, serving=keyring.serving) == keyring
    assert again.authority.certificate == keyring.authority.certificate
    assert again.serving.certificate == keyring.serving.certificate


def test_tokens_differ_and_have_32_bytes() -> None:
    assert len({new_token() for _ in range(100)}) == 100
    assert is_token(new_token())
    assert not any(map(is_token, (PLAIN, "a", f"{new_token()}a", f"{new_token()[:-1]}/")))


def test_a_token_may_be_part_of_a_services_path() -> None:
    """Each part of it has to be a DNS subdomain, in lower case: k8s.io/apiserver/pkg/util/webhook/validation.go."""
    for _ in range(100):
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", new_token())


def edited(key: str, **fields: object) -> Callable[[dict[str, bytes]], None]:
    def edit(data: dict[str, bytes]) -> None:
        data[key] = json.dumps(json.loads(data[key]) | fields).encode()

    return edit


def put(key: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda data: data.update({key: content})


DAMAGES: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "no authority": (lambda data: data.pop("ca.crt"), "ca.crt is missing"),
    "no key": (lambda data: data.pop("tls.key"), "tls.key is missing"),
    "no certificate in it": (put("tls.crt", b"none"), "no readable PEM certificate"),
    "another key": (put("tls.key", write_key(new_key())), "tls.key belongs to another"),
    "another authority's key": (put("ca.key", write_key(new_key())), "ca.key belongs to another"),
    "another authority": (put("tls.crt", write_certificates([NEW.certificate])), "tls.key belongs to another"),
    "no JSON": (put("paths.json", b"{"), "not JSON"),
    "no UTF-8": (put("paths.json", b"\xff\xfe\xfd"), "another shape"),
    "no object": (put("paths.json", b"[]"), "another shape"),
    "nested too deeply": (put("paths.json", b"[" * 20_000), "another shape"),
    "a list of one text": (edited("paths.json", accepted=None), "another shape"),
    "no token": (edited("paths.json", path="short", accepted=["short"]), "no good paths"),
    "a path that is not accepted": (edited("paths.json", path=new_token()), "no good paths"),
    "no step": (edited("rotation.json", step="waltz"), "waltz"),
    "no time": (edited("rotation.json", since="yesterday"), "yesterday"),
    "a time without a zone": (edited("rotation.json", since="2026-07-01T00:00:00"), "no good times"),
    "a wait that ended before it began": (edited("rotation.json", publish=-1), "no good times"),
    "a wait without end": (edited("rotation.json", retire=1e300), "another shape"),
    "a certificate of an authority that signs nothing yet": (
        put("ca.crt", write_certificates([NEW.certificate, OLD.certificate])),
        "ca.key belongs to another",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_data_are_refused_with_the_reason_and_nothing_secret(damage: str) -> None:
    damaging, said = DAMAGES[damage]
    data = write(KEYRING)
    damaging(data)
    with pytest.raises(ValueError, match=said) as caught:
        read(data)
    shown = str(caught.value)
    assert FIRST not in shown
    assert SECOND not in shown
    assert "PRIVATE" not in shown


def test_only_before_the_authority_signs_may_another_have_signed() -> None:
    data = write(replace(PUBLISHED, step=Step.SIGN))
    with pytest.raises(ValueError, match=r"no authority of ca\.crt that could have signed"):
        read(data)

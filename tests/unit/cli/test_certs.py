"""`headroom certs rotate`: it asks, says what is waited for, and returns once every replica serves the new one."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from certs import keyring as keyrings
from certs.keyring import Keyring, Step, Waits, new_token
from tests.support.certificates import AUTHORITY, FIRST, NOW, SECOND
from tests.support.fake_objects import FakeObjects
from webhook.cli import certs
from webhook.cli.main import main
from webhook.controllers.keyring_store import ANNOTATION, NAME
from webhook.kube.objects import Object
from webhook.kube.stream import NotFound, Unreachable

TOKEN = new_token()
KEYRING = Keyring(AUTHORITY, (AUTHORITY.certificate,), FIRST, TOKEN, (TOKEN,), Step.STEADY, NOW, Waits())
SIGNED = replace(KEYRING, serving=SECOND, step=Step.SIGN)
Scene = Callable[[], None]


class Cluster:
    """The Secret, and what happens to it, one scene at each second."""

    def __init__(self) -> None:
        self.secrets, self.scenes = FakeObjects(), list[Scene]()
        self.asked: list[str] = []
        self.seconds = 0.0

    def patch(self, path: str, body: bytes, timeout: float) -> None:
        assert path == f"/api/v1/namespaces/ns/secrets/{NAME}"
        assert timeout > 0
        marks = json.loads(body)["metadata"]["annotations"]
        if NAME not in self.secrets.held:
            raise NotFound(404, "NotFound", "it is gone")
        self.asked.append(marks[ANNOTATION])
        self.keep(self.secrets.held[NAME], marks)

    def keep(self, secret: Object, marks: dict[str, str]) -> None:
        self.secrets.put(secret | {"metadata": {"name": NAME, "annotations": marks}})

    def write(self, keyring: Keyring, marks: dict[str, str] | None = None) -> None:
        data = {key: b64encode(content).decode() for key, content in keyrings.write(keyring).items()}
        self.keep({"data": data}, marks or {})

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.scenes:
            self.scenes.pop(0)()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    made.write(KEYRING)
    monkeypatch.setattr(certs, "connect", lambda _target: made)
    monkeypatch.setattr(certs, "Objects", lambda *_: made.secrets)
    monkeypatch.setattr("time.sleep", made.sleep)
    monkeypatch.setattr("time.monotonic", lambda: made.seconds)
    return made


def rotate(*more: str) -> Result:
    return CliRunner().invoke(main, ["certs", "rotate", "--headroom-namespace", "ns", *more])


def test_it_returns_once_every_replica_serves_the_new_certificate(cluster: Cluster) -> None:
    cluster.scenes = [
        lambda: None,
        lambda: cluster.write(replace(KEYRING, step=Step.PUBLISH)),
        lambda: cluster.write(SIGNED),
        lambda: cluster.write(SIGNED),
        lambda: cluster.write(replace(SIGNED, step=Step.RETIRE)),
    ]
    result = rotate()
    assert result.exit_code == 0, result.output
    assert result.stdout == "every replica serves the new certificate\n"
    assert result.stderr.splitlines() == [
        "waiting for a replica to take it up",
        "the new authority is published; API servers get time to trust it",
        "there is a new certificate; replicas take it up",
    ]
    assert cluster.scenes == []


def test_a_rotation_that_has_ended_meanwhile_counts(cluster: Cluster) -> None:
    cluster.scenes = [lambda: cluster.write(replace(SIGNED, step=Step.STEADY))]
    assert rotate().exit_code == 0


@pytest.mark.parametrize(
    ("options", "request_"),
    [
        ((), "certificate"),
        (("--ca",), "authority"),
        (("--ca", "--publish-wait", "5", "--retire-wait", "0"), "authority publish=5 retire=0"),
        (("--retire-wait", "1.5"), "certificate retire=1.5"),
    ],
)
def test_what_is_asked_for(cluster: Cluster, options: tuple[str, ...], request_: str) -> None:
    cluster.scenes = [lambda: cluster.write(replace(SIGNED, step=Step.RETIRE))]
    assert rotate(*options).exit_code == 0
    assert cluster.asked == [request_]


def test_after_the_time_it_says_that_the_rotation_goes_on(cluster: Cluster) -> None:
    cluster.scenes = [lambda: cluster.write(SIGNED)]
    result = rotate("--timeout", "5")
    assert result.exit_code == 3
    assert "not every replica serves a new certificate after 5 s; the rotation goes on by itself" in result.stderr


def test_an_old_certificate_in_a_later_step_is_not_enough(cluster: Cluster) -> None:
    cluster.scenes = [lambda: cluster.write(replace(KEYRING, step=Step.RETIRE))]
    assert rotate("--timeout", "5").exit_code == 3


def test_without_a_secret_it_says_who_renews(cluster: Cluster) -> None:
    cluster.secrets.held.clear()
    result = rotate()
    assert result.exit_code == 3
    assert "there is no Secret headroom-certificate in namespace ns" in result.stderr
    assert "whoever makes them renews them" in result.stderr


def test_a_damaged_secret_is_left_to_headroom(cluster: Cluster) -> None:
    cluster.secrets.held[NAME]["data"].pop("tls.key")
    result = rotate()
    assert result.exit_code == 3
    assert "tls.key is missing; Headroom restores it by itself" in result.stderr
    assert cluster.asked == []


def test_an_api_server_that_is_away_is_3(cluster: Cluster) -> None:
    cluster.secrets.fault = Unreachable("nobody is there")
    result = rotate()
    assert result.exit_code == 3
    assert "cannot be asked for or followed: nobody is there" in result.stderr


@pytest.mark.parametrize("wait", ["-1", "soon", "1e9"])
def test_bad_waits_are_2(cluster: Cluster, wait: str) -> None:
    assert rotate("--publish-wait", wait).exit_code == 2
    assert cluster.asked == []

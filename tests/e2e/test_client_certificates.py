"""Only the API server is answered once it has to prove who it is, by a certificate that its own configuration names."""

import json
import ssl
from collections.abc import Iterator
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

import pytest

from certs.bundle import write_certificates
from devcluster import namespaces, nodes
from devcluster.api import ApiError
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.replicas import Replicas, headroom_serve
from tests.e2e.conftest import local
from tests.e2e.headroom import Headroom
from tests.e2e.peer import review
from tests.e2e.pods import asking
from tests.support.client_certificates import CLIENTS, OTHERS, admission_configuration, client, pem

pytestmark = pytest.mark.live

SECONDS = 120.0  # a lapse of 45, a proof of up to 8, and what a busy machine takes
ASKS = {"metadata": {"name": "web", "namespace": "straight"}, "spec": asking("web", "1Gi")["spec"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="module")
def replicas(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    flags = (f"--admission-control-config-file={admission_configuration(folder)}",)
    (folder / "ca.crt").write_bytes(write_certificates([CLIENTS.certificate]))
    work = tmp_path_factory.mktemp("control-plane")
    with ControlPlane(work, controllers=False, apiserver_flags=flags) as plane:
        nodes.add(plane, 1)
        serve = [*headroom_serve(), "--client-ca-file", folder / "ca.crt"]
        with Replicas(plane, tmp_path_factory.mktemp("headroom"), serve=serve) as replicas:
            yield replicas


@pytest.fixture(scope="module")
def headroom(replicas: Replicas) -> Headroom:
    return local(replicas.cluster, replicas)


def forge(replicas: Replicas, certificate: Path | None) -> tuple[int, str] | None:
    """Ask for 1Gi as the API server would; None if there was no answer."""
    context = ssl.create_default_context(cafile=replicas.ca_file)
    if certificate is not None:
        context.load_cert_chain(certificate)
    connection = HTTPSConnection("127.0.0.1", replicas[0].port, context=context, timeout=60)
    body = json.dumps(review(dryRun=False, object=ASKS))
    try:
        connection.request("POST", "/validate?timeout=5s", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def reserved(headroom: Headroom) -> float:
    return headroom.exposition().value("headroom_reserved_memory_bytes")


def until_nothing_is_reserved(headroom: Headroom) -> None:
    """What another test has reserved is free again after the lapse and a proof."""
    until(lambda: reserved(headroom) == 0, "that nothing is reserved", SECONDS)


def test_the_api_servers_reviews_are_decided(replicas: Replicas, headroom: Headroom) -> None:
    with namespaces.temporary(replicas.cluster) as namespace:
        pods = f"/api/v1/namespaces/{namespace}/pods"
        replicas.cluster.api.create(pods, asking("web", "1Gi"))
        with pytest.raises(ApiError, match="exceeds the cluster's memory headroom"):
            replicas.cluster.api.create(pods, asking("large", "100Gi"))
        replicas.cluster.api.delete_now(pods)


@pytest.mark.parametrize("what", ["none", "another authority's", "another name"])
def test_forged_reviews_get_nothing_and_reserve_nothing(
    replicas: Replicas, headroom: Headroom, tmp_path: Path, what: str
) -> None:
    made = {"another authority's": client(authority=OTHERS), "another name": client("somebody")}
    certificate = None
    if what in made:
        certificate = tmp_path / "client.pem"
        certificate.write_bytes(pem(made[what]))
    until_nothing_is_reserved(headroom)
    for _ in range(10):
        answer = forge(replicas, certificate)
        assert answer is None or (answer[0] in {401, 403} and "allowed" not in answer[1]), answer
    assert reserved(headroom) == 0


def test_the_same_review_with_the_certificate_reserves(replicas: Replicas, headroom: Headroom, folder: Path) -> None:
    (folder / "client.pem").write_bytes((folder / "client.crt").read_bytes() + (folder / "client.key").read_bytes())
    until_nothing_is_reserved(headroom)
    answer = forge(replicas, folder / "client.pem")
    assert answer is not None
    assert answer[0] == 200
    assert reserved(headroom) == 1 << 30

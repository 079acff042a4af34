"""Who may read which reports, where the API server is asked: tokens of real ServiceAccounts with real roles."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import urllib3
import yaml

from devcluster.cluster import Cluster, existing_cluster
from devcluster.controlplane import ControlPlane
from devcluster.namespaces import NAMESPACES, temporary
from devcluster.processes import NotReadyError, until
from devcluster.replicas import Replicas
from tests.e2e.forwarder import forwarding
from tests.e2e.headroom import SECONDS
from tests.e2e.pods import asking
from tests.e2e.story import Story
from tests.support.kustomize import MANIFESTS
from webhook.web.access import AUDIENCE

pytestmark = pytest.mark.live

RBAC = "/apis/rbac.authorization.k8s.io/v1"
COMPONENT = MANIFESTS / "components" / "reporting-auth" / "rbac.yaml"
KINDS = {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings"}


class Scene(NamedTuple):
    """A replica that asks the API server who reads, two namespaces with a pod each, and tokens by who has them.

    `one` may list the pods of the first namespace, `viewer` has the ClusterRole `view`, `nobody` has no role.
    """

    story: Story
    url: str
    other: str
    tokens: dict[str, str]

    def get(self, path: str, who: str | None = "viewer", method: str = "GET") -> urllib3.BaseHTTPResponse:
        """Ask the replica, as somebody or with no token."""
        headers = {} if who is None else {"Authorization": f"Bearer {self.tokens.get(who, who)}"}
        return urllib3.request(method, f"{self.url}{path}", headers=headers, retries=False, timeout=SECONDS)

    def namespaces(self, path: str, who: str) -> set[str]:
        """Return the namespaces of the rows that somebody is shown."""
        answer = self.get(path, who)
        assert answer.status == 200, answer.data
        return {row.get("namespace") or row["name"] for row in answer.json()["items"]}

    def refused(self, path: str, who: str | None, method: str = "GET") -> tuple[int, str]:
        """Return the status and the detail of a refusal."""
        answer = self.get(path, who, method)
        assert answer.headers["Content-Type"] == "application/problem+json"
        return answer.status, str(answer.json()["detail"])


@pytest.fixture
def other(cluster: Cluster) -> Iterator[str]:
    with temporary(cluster) as name:
        yield name


@pytest.fixture
def may_ask(cluster: Cluster) -> Iterator[None]:
    """The rights of the component."""
    made = list(yaml.safe_load_all(COMPONENT.read_text()))
    paths = [f"{RBAC}/{KINDS[each['kind']]}/{each['metadata']['name']}" for each in made]
    for path, each in zip(paths, made, strict=True):
        cluster.api.apply(path, each)
    yield
    for path in paths:
        cluster.api.delete(path)


@pytest.fixture
def guarded(story: Story, replicas: Replicas) -> Iterator[str]:
    """The address of a replica whose configuration has the API server asked."""
    if existing_cluster() is not None:
        pytest.skip("a local replica is asked")
    story.headroom.configure({"requests": "100%"}, reporting={"auth": "kubernetes"})
    yield replicas[0].metrics_url
    story.headroom.configure({"requests": "100%"})


@pytest.fixture
def scene(story: Story, guarded: str, other: str, room: None, may_ask: None) -> Iterator[Scene]:
    api, namespace = story.api, story.namespace
    for where in (namespace, other):
        api.create(f"{NAMESPACES}/{where}/pods", asking("web", "1Mi"))
    role = {"metadata": {"name": "pods"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}
    api.create(f"{RBAC}/namespaces/{namespace}/roles", role)
    api.create(f"{RBAC}/namespaces/{namespace}/rolebindings", bound("Role", "pods", "one", namespace))
    everywhere = bound("ClusterRole", "view", "viewer", namespace)
    api.create(f"{RBAC}/clusterrolebindings", everywhere)
    tokens = {who: token(story, who) for who in ("one", "viewer", "nobody")}
    try:
        made = Scene(story, guarded, other, tokens)
        # The authorizer of the API server, and the watch of the replica, follow these objects in a moment.
        until(lambda: made.get("/api/v1/commitment").status == 200, "the rights of the viewer", SECONDS)
        both = {namespace, other}
        until(lambda: both <= made.namespaces("/api/v1/pods", "viewer"), "the view of the pods", SECONDS)
        until(lambda: made.get(f"/api/v1/pods?namespace={namespace}", "one").status == 200, "those of one", SECONDS)
        yield made
    finally:
        api.delete(f"{RBAC}/clusterrolebindings/{everywhere['metadata']['name']}")


def bound(kind: str, role: str, who: str, namespace: str) -> dict[str, Any]:
    """Bind a role to an account of the namespace."""
    return {
        "metadata": {"name": f"{namespace}-{who}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": who, "namespace": namespace}],
    }


def token(story: Story, who: str, audience: str | None = AUDIENCE) -> str:
    """Make a ServiceAccount, unless it is there; return a token of it, for the API server if no audience is named."""
    accounts = f"{NAMESPACES}/{story.namespace}/serviceaccounts"
    if not story.api.exists(f"{accounts}/{who}"):
        story.api.create(accounts, {"metadata": {"name": who}})
    spec = {"expirationSeconds": 600, **({"audiences": [audience]} if audience else {})}
    made: str = story.api.create(f"{accounts}/{who}/token", {"spec": spec})["status"]["token"]
    return made


EVERYTHING = ("/", "/ui/", "/api/v1/commitment", "/api/v1/nodes", "/api/v1/pools", "/api/v1/config")


def test_each_reader_is_shown_what_the_api_server_lets_them_list(scene: Scene) -> None:
    mine, other = scene.story.namespace, scene.other
    # The role view of a whole cluster: everything.
    for path in EVERYTHING:
        assert scene.get(path).status == 200, path
    for path in ("pods", "workloads", "namespaces"):
        assert {mine, other} <= scene.namespaces(f"/api/v1/{path}", "viewer")
    assert "onlyNamespaces" not in scene.get("/api/v1/pods").json()["metadata"]
    stream = urllib3.request(
        "GET", f"{scene.url}/api/v1/events", headers={"Authorization": f"Bearer {scene.tokens['viewer']}"},
        preload_content=False, retries=False, timeout=SECONDS,
    )  # fmt: skip
    assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    stream.close()

    # One namespace: its rows and no others, and nothing that is made of all of them.
    for path in ("pods", "workloads", "namespaces"):
        until(lambda path=path: scene.get(f"/api/v1/{path}", "one").status == 200, "no answer from before", SECONDS)  # type: ignore[misc]
        assert scene.namespaces(f"/api/v1/{path}", "one") == {mine}
        assert scene.get(f"/api/v1/{path}", "one").json()["metadata"]["onlyNamespaces"] == [mine]
    status, detail = scene.refused(f"/api/v1/pods?namespace={other}", "one")
    assert (status, detail) == (
        403,
        f"system:serviceaccount:{mine}:one may not list pods in the namespace {other}",
    )
    for path in (*EVERYTHING, "/api/v1/events", "/pod-metrics"):
        status, detail = scene.refused(path, "one")
        assert (status, "may not list the pods of all namespaces" in detail) == (403, True), path
    assert scene.refused("/api/v1/check", "one", "POST")[0] == 403

    # No role at all; a token that nobody has; none.
    assert scene.refused("/api/v1/pods", "nobody")[0] == 403
    assert scene.refused("/api/v1/pods", "eyJhbGciOiJSUzI1NiJ9.e30.AA")[0] == 401
    status, detail = scene.refused("/api/v1/pods", None)
    assert (status, f"--audience={AUDIENCE}" in detail) == (401, True)

    # A token for the API server is a reader's as well; one for another service is not.
    assert scene.get("/api/v1/pods", token(scene.story, "viewer", None)).status == 200
    assert scene.refused("/api/v1/pods", token(scene.story, "viewer", "vault"))[0] == 401
    # Kubelets and Prometheus show no token, and see nothing that a tenant would hide.
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/probes"):
        assert scene.get(path, None).status == 200


def test_a_headroom_without_the_rights_says_which_component_has_them(guarded: str, story: Story) -> None:
    who = token(story, "viewer")
    headers = {"Authorization": f"Bearer {who}"}
    answer = urllib3.request("GET", f"{guarded}/api/v1/pods", headers=headers, retries=False, timeout=SECONDS)
    assert answer.status == 503
    assert answer.json()["detail"].endswith("apply manifests/components/reporting-auth")


# -- through the API server --------------------------------------------------------------------------------------------


def own_address() -> str:
    """Return an address of this machine that is not of its loopback: the API server's proxy refuses those."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.254", 9))  # of documentation: nothing is sent
            address: str = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if address.startswith("127."):
        pytest.skip("this machine has only loopback addresses, which the API server's proxy refuses")
    return address


@contextmanager
def served(scene: Scene) -> Iterator[str]:
    """Make a Service that leads to the replica; yield the path below which the API server's proxy reaches it."""
    address, api, base = own_address(), scene.story.api, f"{NAMESPACES}/{scene.story.namespace}"
    with forwarding(address, int(scene.url.rpartition(":")[2])) as port:
        # The proxy leads to addresses of pods alone, and those of a pod that is on no node are published only for a
        # Service with "publishNotReadyAddresses".
        made = asking("headroom", "1Mi")
        made["metadata"]["labels"] = {"app": "headroom"}
        api.create(f"{base}/pods", made)
        ready = [{"type": "Ready", "status": "True"}]
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": ready}
        api.patch(f"{base}/pods/headroom/status", {"status": status})
        ports = [{"name": "http", "port": 8080, "targetPort": port}]
        spec = {"selector": {"app": "headroom"}, "ports": ports, "publishNotReadyAddresses": True}
        api.create(f"{base}/services", {"metadata": {"name": "reports"}, "spec": spec})
        yield f"{base}/services/reports:http/proxy"


def test_a_token_reaches_headroom_through_the_api_servers_proxy_in_a_field_of_its_own(
    scene: Scene, control_plane: ControlPlane
) -> None:
    def get(path: str, who: str | None = None) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {control_plane.admin_token}"}
        headers |= {"Headroom-Authorization": f"Bearer {scene.tokens[who]}"} if who else {}
        url, pool = f"{control_plane.url}{below}{path}", urllib3.PoolManager(ca_certs=str(control_plane.ca_file))
        return pool.request("GET", url, headers=headers, retries=False, timeout=SECONDS)

    with served(scene) as below:
        told = list[bytes]()

        def leads() -> bool:
            answer = get("/readyz")
            told.append(answer.data)
            return answer.status == 200

        try:
            until(leads, "the way through the API server", SECONDS)
        except NotReadyError as error:
            raise AssertionError(told[-1]) from error
        refusal = get("/api/v1/pods")
        assert refusal.status == 401, "the API server has taken away the token that it was asked with"
        assert "Headroom-Authorization" in refusal.json()["detail"]
        answer = get("/api/v1/pods", "one").json()
        assert answer["metadata"]["onlyNamespaces"] == [scene.story.namespace]
        assert get("/api/v1/commitment", "one").status == 403
        assert get("/api/v1/commitment", "viewer").status == 200

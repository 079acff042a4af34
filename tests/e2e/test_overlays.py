"""A real API server accepts what each overlay and each component ships, without a warning."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from devcluster.api import Object
from devcluster.cluster import Cluster, existing_cluster
from devcluster.processes import until
from devcluster.replicas import issue_certificates
from tests.support.kustomize import MANIFESTS, Manifest, compose, own_ca, render

pytestmark = pytest.mark.live

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACES = ("headroom-system", "headroom-probe")  # what goes into one is checked only if it is there
# Kinds that others bring. Their schemas are not here, so only the form of such an object is checked.
STUBS = (
    ("cert-manager.io", "Certificate"),
    ("cert-manager.io", "Issuer"),
    ("monitoring.coreos.com", "ServiceMonitor"),
    ("monitoring.coreos.com", "PrometheusRule"),
)
TOGETHER = ("flow-schema", "mtls", "monitoring", "nudge", "review-bindings", "self-certs")


@pytest.fixture(scope="module")
def taking(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster that knows the kinds of others, and has the namespaces.

    It is not the one in which the Headroom of these tests may run: a gate that is closed by a URL cannot be merged with
    a gate that names a Service, and a guard of the configuration would warn.
    """
    cluster: Cluster = existing_cluster() or request.getfixturevalue("bare_control_plane")
    for name in NAMESPACES:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(namespace))
    made = [stub for stub in map(_definition, STUBS) if not cluster.api.exists(f"{CRDS}/{stub['metadata']['name']}")]
    for stub in made:
        cluster.api.create(CRDS, stub)
    for stub in made:
        until(partial(_established, cluster, stub["metadata"]["name"]), "a kind of others", 60)
    yield cluster
    for stub in made:
        cluster.api.delete(f"{CRDS}/{stub['metadata']['name']}")


def _definition(kind: tuple[str, str]) -> Object:
    group, name = kind
    plural = f"{name.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    names = {"kind": name, "plural": plural, "singular": name.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _established(cluster: Cluster, name: str) -> bool:
    conditions = cluster.api.get(f"{CRDS}/{name}").get("status", {}).get("conditions", [])
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def accepted(cluster: Cluster, found: list[Manifest]) -> None:
    """Have the API server check objects as it would if they were applied; it stores none of them."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": found})
    how = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    done = cluster.kubectl("apply", *how, "-f", "-", input=listed, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout.count("serverside-applied (server dry run)") == len(found)


@pytest.mark.parametrize("name", sorted(each.name for each in (MANIFESTS / "overlays").iterdir()))
def test_an_overlay_is_accepted(taking: Cluster, name: str, tmp_path: Path) -> None:
    folder = MANIFESTS / "overlays" / name
    if name == "own-ca":
        issue_certificates(tmp_path / "tls")
        names = ("tls.crt", "tls.key", "ca.crt")
        folder = own_ca(tmp_path / "checkout", {each: (tmp_path / "tls" / each).read_text() for each in names})
    accepted(taking, render(folder))


def test_the_components_are_accepted_together(taking: Cluster, tmp_path: Path) -> None:
    parts = [MANIFESTS / "components" / each for each in TOGETHER]
    accepted(taking, compose(tmp_path, [MANIFESTS / "base"], parts))


def test_the_one_file_is_accepted(taking: Cluster) -> None:
    accepted(taking, render_file())


def test_what_is_not_right_is_noticed(taking: Cluster) -> None:
    (gate,) = [each for each in render_file() if each["kind"] == "ValidatingWebhookConfiguration"]
    gate["webhooks"][0]["matchConditions"][0]["expression"] = "request.operatio != 'UPDATE'"
    with pytest.raises(AssertionError, match="operatio"):
        accepted(taking, [gate])


def render_file() -> list[Manifest]:
    """Return the objects of manifests/install.yaml."""
    return list(yaml.safe_load_all((MANIFESTS / "install.yaml").read_text()))

"""Somebody with the stock role `edit` in one namespace neither passes the bound nor closes the gate for others."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from devcluster import namespaces
from devcluster.api import Api, ApiError
from devcluster.processes import until
from tests.e2e.probes import Probes
from tests.stress.conftest import Record
from tests.stress.figures import MI, Figures
from tests.stress.scene import BOUND, SETTLE_SECONDS, Scene, configure, sees_all_pods, settle
from tests.stress.tenant import FITTING, Form, forms
from tests.stress.witness import Witness, size

pytestmark = pytest.mark.live

RIGHTS = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"
LEAST = 2  # probes, each a dry run and one for real, while a form stands
DENY_UNPLACEABLE = """
apiVersion: headroom.internal/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 75%, limits: 100%}}
unplaceable: deny
"""


@contextmanager
def editor(scene: Scene, work: Path) -> Iterator[tuple[Api, str]]:
    """Give somebody's own API with the role `edit` in a namespace, and the namespace."""
    with namespaces.temporary(scene.plane) as namespace:
        account = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
        binding = {"metadata": {"name": "edit"}, "roleRef": role, "subjects": [account]}
        scene.plane.api.create(RIGHTS.format(namespace), binding)
        path = scene.plane.service_account_kubeconfig(namespace, "default", work / "editor.kubeconfig")
        yield Api(path), namespace


def attempt(api: Api, namespace: str, form: Form) -> str:
    """Create the form's object and send its patch; return what was said against it."""
    path = f"{form.api}/namespaces/{namespace}/{form.kind.lower()}s"
    try:
        made = api.create(path, {"apiVersion": form.api.split("/", 2)[-1], "kind": form.kind, **form.body})
        if form.patch is not None:
            subresource, body = form.patch
            api.patch(f"{path}/{made['metadata']['name']}/{subresource}".rstrip("/"), body, "strategic")
    except ApiError as error:
        return error.message
    return ""


def cleared(scene: Scene, namespace: str, form: Form) -> None:
    """Delete what a form made."""
    collection = f"{form.api}/namespaces/{namespace}/{form.kind.lower()}s"
    scene.plane.api.delete(collection, propagationPolicy="Background", gracePeriodSeconds=0)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"  # of a Deployment: they make pods until they are gone

    def gone() -> bool:
        if not any(scene.plane.api.items(each) for each in (collection, sets, pods)):
            return True
        scene.plane.api.delete_now(pods)
        return False

    until(gone, f"the end of {form.name}", SETTLE_SECONDS)


def test_no_form_that_the_edit_role_may_create_passes_the_bound_or_closes_the_gate(
    controlled: Scene, work: Path, figures: Record
) -> None:
    closed: list[str] = []
    lines: list[str] = []
    work.mkdir(parents=True)
    with (
        controlled.guarded(work, 2) as replicas,
        editor(controlled, work) as (api, namespace),
        namespaces.temporary(controlled.plane) as elsewhere,
        Witness(controlled.server) as witness,
    ):
        seen_by_all = partial(sees_all_pods, controlled, replicas)
        configure(controlled.plane, replicas, DENY_UNPLACEABLE)
        for form in forms():
            said = attempt(api, namespace, form)
            with Probes(controlled.plane.api, elsewhere, "1Gi", every=1.0, seen=seen_by_all) as probes:
                until(lambda probes=probes: len(probes.all) >= 2 * LEAST, "the probes", SETTLE_SECONDS)  # type: ignore[misc]
            lines.append(f"{form.name}: {said or 'accepted'}; held {witness.held // MI}Mi; {probes}")
            if probes.refused:
                closed.append(lines[-1])
            cleared(controlled, namespace, form)
        seen = witness.testify()
    print("\n".join(lines))
    note = f"{len(lines)} forms, each beside {LEAST} dry runs and {LEAST} creates of 1Gi: {len(closed)} closed the gate"
    figures.append(Figures("the edit role's forms", "2", BOUND, seen, note=note))
    assert not closed, "\n".join(closed)
    assert seen.over(BOUND) == []
    assert len(lines) >= 25


def test_the_fitting_form_fits_twice_and_leaves_room_for_a_probe() -> None:
    assert 2 * size(FITTING) + (1 << 30) <= BOUND < 3 * size(FITTING)


def test_a_huge_create_under_the_name_of_a_living_pod_closes_nothing(controlled: Scene, work: Path) -> None:
    """The API server refuses it as a duplicate only after Headroom has let it in."""
    work.mkdir(parents=True)
    with (
        controlled.guarded(work, 2) as replicas,
        editor(controlled, work) as (api, namespace),
        namespaces.temporary(controlled.plane) as elsewhere,
    ):
        small, huge = (
            Form("", "/api/v1", "Pod", {"metadata": {"name": "tenant"}, "spec": spec})
            for spec in (_spec("16Mi"), _spec("4000Mi"))
        )
        assert attempt(api, namespace, small) == ""
        settle(replicas, 16 * MI)
        seen_by_all = partial(sees_all_pods, controlled, replicas)
        with Probes(controlled.plane.api, elsewhere, "3Gi", every=1.0, seen=seen_by_all) as probes:
            for _ in range(8):
                assert attempt(api, namespace, huge)
                time.sleep(0.5)
        assert not probes.refused, str(probes)


def _spec(memory: str) -> dict[str, object]:
    resources = {"requests": {"memory": memory}, "limits": {"memory": memory}}
    return {"containers": [{"name": "main", "image": "none", "resources": resources}]}

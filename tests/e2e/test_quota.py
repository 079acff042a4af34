"""What a quota will refuse, Headroom refuses first: in the API server's own words, and without holding room for it."""

import json
import uuid
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from devcluster.api import Api, ApiError, Object
from devcluster.processes import until
from tests.e2e import kubelet
from tests.e2e.headroom import SECONDS
from tests.e2e.pods import container, pod
from tests.e2e.story import DENIED, Story
from tests.e2e.workload import Workload

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

NOT_ASKED_ABOUT = "kube-system"  # what quotas say there is the API server's own
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
FORBIDDEN = " is forbidden: "


def sized(name: str = "main", **asked: str) -> Object:
    """A container that requests and is limited to this."""
    return {"name": name, "image": "none", "resources": {"requests": asked, "limits": asked}}


def quota(name: str, hard: Object, **spec: object) -> Object:
    return {"metadata": {"name": name}, "spec": {"hard": hard, **spec}}


class Side(NamedTuple):
    """One namespace."""

    api: Api
    namespace: str

    @property
    def pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    @property
    def quotas(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/resourcequotas"

    def restrict(self, *quotas: Object) -> None:
        """Make quotas, and wait until their usage is known."""
        for each in quotas:
            self.api.create(self.quotas, each)
        until(lambda: all(each["status"].get("used") for each in self.api.items(self.quotas)), "their usage", SECONDS)

    def says(self, manifest: Object, **query: str) -> str:
        """What is said against a pod."""
        try:
            self.api.create(self.pods, manifest, **query)
        except ApiError as error:
            if error.code != 403:
                raise
            return error.message
        return ""


class Both(NamedTuple):
    """The story's namespace, and one that nobody is asked about: the same is done in both."""

    story: Story
    ours: Side
    theirs: Side

    def restrict(self, *quotas: Object) -> None:
        self.ours.restrict(*quotas)
        self.theirs.restrict(*quotas)

    def fill(self, *pods: Object) -> None:
        for each in pods:
            self.ours.api.create(self.ours.pods, each)
            self.theirs.api.create(self.theirs.pods, each)

    def alike(self, manifest: Object, **query: str) -> str:
        """What both say against a pod, once both see the same: each has a cache of the usage."""
        until(lambda: self._same(manifest), "the same sentence", SECONDS)
        said = self.ours.says(manifest, **query)
        assert said.startswith(DENIED), said
        return said.removeprefix(DENIED)

    def _same(self, manifest: Object) -> bool:
        ours, theirs = (each.says(manifest, dryRun="All") for each in (self.ours, self.theirs))
        return ours.startswith(DENIED) and ours.removeprefix(DENIED) == theirs.partition(FORBIDDEN)[2]


@pytest.fixture
def both(story: Story) -> Iterator[Both]:
    story.headroom.configure({"requests": "100%"})
    theirs = Side(story.api, NOT_ASKED_ABOUT)
    yield Both(story, Side(story.api, story.namespace), theirs)
    for each in story.api.items(theirs.quotas):
        story.api.delete(f"{theirs.quotas}/{each['metadata']['name']}")
    story.api.delete_now(theirs.pods)


@pytest.fixture
def priority_class(story: Story) -> Iterator[str]:
    name = f"class-{uuid.uuid4().hex[:8]}"
    story.api.create(CLASSES, {"metadata": {"name": name}, "value": 7})
    yield name
    story.api.delete(f"{CLASSES}/{name}")


def holds_nothing(story: Story) -> None:
    shown = story.headroom.exposition()
    assert shown.value("headroom_reserved_memory_bytes") == 0
    assert shown.value("headroom_reservations", state="open") == 0


CASES = {
    "limits-cpu-must-be-said": (
        [quota("q", {"limits.cpu": "4", "requests.memory": "9Gi"})],
        [],
        pod(
            "over", container("1Gi", "1Gi"), container(None, None, "side"), initContainers=[container("1Gi", name="i")]
        ),
        "failed quota: q: must specify limits.cpu for: i,main,side; requests.memory for: side",
    ),
    "memory": (
        [quota("q", {"limits.memory": "4Gi", "requests.cpu": "2", "pods": "9"})],
        [pod("first", sized(memory="3Gi", cpu="250m"))],
        pod("over", sized(memory="2Gi", cpu="1500m")),
        "exceeded quota: q, requested: limits.memory=2Gi, used: limits.memory=3Gi, limited: limits.memory=4Gi",
    ),
    "odd-notations": (
        [quota("q", {"memory": "1G", "limits.cpu": "1.5", "requests.ephemeral-storage": "1e3"})],
        [pod("first", sized(memory="0.5Gi", cpu="0.3"))],
        pod("over", sized(memory="500M", cpu="1201m", **{"ephemeral-storage": "2Ki"})),
        (
            "exceeded quota: q, requested: limits.cpu=1201m,memory=500M,requests.ephemeral-storage=2Ki, "
            "used: limits.cpu=300m,memory=512Mi,requests.ephemeral-storage=0, "
            "limited: limits.cpu=1500m,memory=1G,requests.ephemeral-storage=1e3"
        ),
    ),
    "best-effort": (
        [quota("q", {"pods": "0"}, scopes=["BestEffort"]), quota("r", {"pods": "0"}, scopes=["Terminating"])],
        [pod("first", container("1Gi"))],
        pod("over"),
        "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0",
    ),
    "not-terminating": (
        [quota("q", {"requests.memory": "1Gi"}, scopes=["NotTerminating", "NotBestEffort"])],
        [pod("first", container("5Gi"), activeDeadlineSeconds=60)],
        pod("over", container("1025Mi")),
        "exceeded quota: q, requested: requests.memory=1025Mi, used: requests.memory=0, limited: requests.memory=1Gi",
    ),
    "count-and-several-quotas": (
        [quota("a", {"services": "0"}), quota("b", {"pods": "5"}), quota("c", {"count/pods": "1", "memory": "8Gi"})],
        [pod("first", container("1Gi"))],
        pod("over", container("1Gi")),
        "exceeded quota: c, requested: count/pods=1, used: count/pods=1, limited: count/pods=1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sentence_is_the_api_servers_own_and_nothing_is_held(both: Both, case: str) -> None:
    quotas, before, manifest, said = CASES[case]
    both.restrict(*quotas)
    both.fill(*before)
    assert both.alike(manifest) == said
    until(lambda: both.story.headroom.exposition().value("headroom_reserved_memory_bytes") == 0, "the first", SECONDS)
    for _ in range(3):
        assert both.alike(manifest) == said
        holds_nothing(both.story)

    def refused() -> list[tuple[str, str, str]]:
        """Those that were no dry run: what these say before both see the same is another matter."""
        lines = both.story.headroom.audit_lines(both.story.namespace)
        return [(line["decision"], line["reason"], line["message"]) for line in lines if not line["dry_run"]]

    until(lambda: len(refused()) >= 4, "the audit lines", SECONDS)
    assert refused() == [("deny", "QuotaExceeded", said)] * 4


def test_a_quota_of_a_priority_class_is_about_its_pods_alone(both: Both, priority_class: str) -> None:
    selector = {"scopeName": "PriorityClass", "operator": "In", "values": [priority_class]}
    both.restrict(quota("q", {"pods": "0"}, scopeSelector={"matchExpressions": [selector]}))
    said = both.alike(pod("over", container("1Gi"), priorityClassName=priority_class))
    assert said == "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"
    both.fill(pod("other", container("1Gi")))


def test_of_two_quotas_that_refuse_the_first_by_name_is_told(both: Both) -> None:
    both.restrict(quota("a", {"pods": "0"}), quota("b", {"count/pods": "0"}))
    said = [f"exceeded quota: a, {_none('pods')}", f"exceeded quota: b, {_none('count/pods')}"]
    both.alike(pod("over"))
    theirs = {both.theirs.says(pod("over")).partition(FORBIDDEN)[2] for _ in range(20)}
    assert theirs <= set(said)
    assert {both.ours.says(pod("over")).removeprefix(DENIED) for _ in range(20)} == {said[0]}


def _none(name: str) -> str:
    return f"requested: {name}=1, used: {name}=0, limited: {name}=0"


def test_a_resize_that_a_quota_will_refuse_is_refused_in_its_words_and_holds_nothing(both: Both) -> None:
    both.restrict(quota("q", {"requests.memory": "2Gi"}))
    both.fill(pod("web", container("1Gi"), nodeName="node-1"))
    for side in (both.ours, both.theirs):
        kubelet.started(side.api, f"{side.pods}/web")
    wanted = {"spec": {"containers": [{"name": "main", "resources": {"requests": {"memory": "3Gi"}}}]}}

    def says(side: Side, **query: str) -> str:
        with pytest.raises(ApiError) as refused:
            side.api.patch(f"{side.pods}/web/resize", wanted, "strategic", **query)
        return refused.value.message

    def same() -> bool:
        # By dry runs: before Headroom sees the usage it lets the resize in, and would hold room for it.
        return says(both.ours, dryRun="All") == DENIED + says(both.theirs, dryRun="All").partition(FORBIDDEN)[2]

    until(same, "the same sentence", SECONDS)
    said = "exceeded quota: q, requested: requests.memory=2Gi, used: requests.memory=1Gi, limited: requests.memory=2Gi"
    assert says(both.ours) == DENIED + said
    holds_nothing(both.story)


@pytest.mark.parametrize("settings", [{"mode": "warn"}, {"exempt": {"namespaces": ["test-*"]}}], ids=["warn", "exempt"])
def test_what_policy_lets_pass_is_refused_by_the_quota_itself_and_holds_nothing(both: Both, settings: Object) -> None:
    both.restrict(quota("q", {"limits.cpu": "4"}))
    both.alike(pod("over", container("1Gi")))
    both.story.headroom.configure({"requests": "100%"}, **settings)
    for number in range(5):
        told = both.ours.says(pod(f"over-{number}", container("5Gi")))
        assert told.endswith(f"{FORBIDDEN}failed quota: q: must specify limits.cpu for: main")
        assert not told.startswith(DENIED)
        holds_nothing(both.story)


def test_a_workload_whose_quota_refuses_its_pods_shows_that_as_the_cause(both: Both) -> None:
    both.restrict(quota("q", {"limits.cpu": "4"}))
    both.alike(pod("over", container("1Gi")))
    web = Workload(both.story, "1536Mi")
    web.apply(1)
    events = f"/api/v1/namespaces/{both.story.namespace}/events"

    def told() -> list[Object]:
        found = both.story.api.items(events)
        return [each for each in found if each["involvedObject"]["kind"] == "Deployment" and "quota" in each["message"]]

    until(lambda: bool(told()), "the Event on the Deployment", SECONDS)
    assert {each["reason"] for each in told()} == {"QuotaExceeded"}
    holds_nothing(both.story)
    # Two controllers pass it on, one after the other.
    until(lambda: "must specify limits.cpu" in json.dumps(web.condition("ReplicaFailure")), "the condition", SECONDS)


def test_what_fits_again_is_let_in_as_soon_as_the_usage_falls(both: Both) -> None:
    both.restrict(quota("q", {"pods": "1"}))
    both.fill(pod("first", container("1Gi")))
    both.alike(pod("second", container("1Gi")))
    for side in (both.ours, both.theirs):
        side.api.delete_now(f"{side.pods}/first")
    until(lambda: not both.ours.says(pod("second", container("1Gi"))), "a pod in its place", SECONDS)

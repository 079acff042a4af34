"""Refusals where people look for them: `kubectl describe` of what was applied shows why, in one line, however many."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from devcluster.api import Object
from devcluster.processes import until
from tests.e2e.headroom import CONFIG, Headroom
from tests.e2e.pods import asking, container
from tests.e2e.story import Story
from tests.e2e.workload import Workload
from webhook.core.events.aggregator import BURST, INTERVAL, RATE, Occurrence
from webhook.core.events.reference import Reference
from webhook.kube.client import Api, configure
from webhook.kube.stream import Conflict
from webhook.observability.event_writer import COMPONENT, EventWriter

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

SECONDS = 90.0  # an Event is told again after ten
FULL = "MemoryCommitmentExceeded"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/headroom"
WRITTEN, DROPPED = "headroom_events_written_total", "headroom_events_dropped_total"
_REJECTION = (
    r'^apiserver_admission_webhook_rejection_count\{{error_type="{}",name="pods\.headroom\.internal",.*\}} (\S+)$'
)
REFUSED = _REJECTION.format("no_error")
# Of a call that failed or took too long nobody can tell whether it was decided.
GIVEN_UP = _REJECTION.format("(?!no_error)[a-z_]+")


class Line(NamedTuple):
    """An Event as `kubectl describe` shows it."""

    kind: str
    age: str
    message: str

    @property
    def times(self) -> int:
        """How many it stands for."""
        found = re.search(r"\(x(\d+) over ", self.age)
        return int(found[1]) if found else 1


def described(story: Story, what: str, reason: str = FULL) -> list[Line]:
    """The lines of Headroom's that `kubectl describe` has for that reason."""
    _, _, events = story.kubectl("describe", what).stdout.partition("\nEvents:")
    pattern = rf"^\s+(\w+)\s+{reason}\s+(\S.*?)\s+{re.escape(COMPONENT)}\s+(.*)$"
    return [Line(*found) for found in re.findall(pattern, events, re.MULTILINE)]


def line_of(story: Story, what: str) -> Line:
    """The only line, once there is one."""
    until(lambda: bool(described(story, what)), f"the event on {what}", SECONDS)
    (line,) = described(story, what)
    return line


def template(memory: str = "100Ti", restart: str = "Never") -> Object:
    return {
        "metadata": {"labels": {"app": "big"}},
        "spec": {"containers": [container(memory, memory)], "restartPolicy": restart},
    }


def apply(story: Story, version: str, kind: str, spec: Object, name: str = "big") -> None:
    given = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    story.kubectl("apply", "-f", "-", given=given)


def counted(story: Story, pattern: str) -> int:
    """The sum of those of the API server's own counters that fit."""
    text = story.api.text("/metrics")
    return sum(int(float(count)) for count in re.findall(pattern, text, re.MULTILINE))


@pytest.fixture
def full(story: Story) -> Story:
    """A story in which 12Gi may be requested."""
    story.headroom.configure({"requests": "50%"})
    return story


# -- where people look -------------------------------------------------------------------------------------------------


def test_a_deployment_shows_one_line_that_counts(full: Story) -> None:
    web = Workload(full, "100Ti")
    web.apply(1)
    first = line_of(full, "deployment/web")
    assert first.kind == "Warning"
    pod = rf"pod {full.namespace}/web-[a-z0-9]+-[a-z0-9]{{5}}"
    said = rf"{pod} exceeds the cluster's memory headroom: it adds 102400Gi of requests, 12Gi is free \(0 of 12Gi "
    assert re.match(said, first.message)
    began = time.monotonic()
    until(lambda: line_of(full, "deployment/web").times > first.times, "a higher count", SECONDS)
    print(f"the count grew after {time.monotonic() - began:.1f} s: {line_of(full, 'deployment/web')[1]}")
    refused = len(full.headroom.audit_lines(full.namespace))
    until(lambda: line_of(full, "deployment/web").times >= refused, "the whole count", SECONDS)
    assert described(full, f"replicaset/{web.replica_set()['metadata']['name']}") == []
    shown = full.kubectl("get", "events", "--field-selector", f"reason={FULL}").stdout.splitlines()
    assert len(shown) == 2, "a heading and one line"
    assert "deployment/web" in shown[1]


def test_a_second_replica_set_counts_in_the_same_line(full: Story) -> None:
    for memory, shown in (("100Ti", "102400Gi"), ("200Ti", "204800Gi")):
        labels = {"matchLabels": {"app": "big"}}
        apply(full, "apps/v1", "Deployment", {"selector": labels, "template": template(memory, "Always")})
        figures = f"it adds {shown} of requests, "
        until(lambda f=figures: f in line_of(full, "deployment/big").message, figures, SECONDS)  # type: ignore[misc]  # mypy knows no defaults in a lambda
    assert line_of(full, "deployment/big").times >= 2


def test_a_stateful_set_shows_it(full: Story) -> None:
    labels = {"matchLabels": {"app": "big"}}
    spec = {"serviceName": "big", "selector": labels, "template": template(restart="Always")}
    apply(full, "apps/v1", "StatefulSet", spec)
    assert line_of(full, "statefulset/big").message.startswith(f"pod {full.namespace}/big-0 exceeds the cluster's ")


def test_a_job_shows_it(full: Story) -> None:
    apply(full, "batch/v1", "Job", {"template": template()})
    assert f"pod {full.namespace}/big-" in line_of(full, "job/big").message


def test_a_cron_job_shows_it_for_its_jobs(full: Story) -> None:
    job = {"spec": {"template": template()}}
    apply(full, "batch/v1", "CronJob", {"schedule": "0 0 1 1 *", "jobTemplate": job})
    full.kubectl("create", "job", "now", "--from=cronjob/big")
    assert f"pod {full.namespace}/now-" in line_of(full, "cronjob/big").message
    assert described(full, "job/now") == []


def test_a_bare_pod_and_a_dry_run_leave_no_event(full: Story) -> None:
    owner = idle(full, "any")
    full.refused(asking("bare", "100Ti"))
    dry = asking("dry", "100Ti")
    dry["metadata"]["ownerReferences"] = [owner]
    full.refused(dry, dryRun="All")
    told = asking("told", "100Ti")
    told["metadata"]["ownerReferences"] = [owner]
    full.refused(told)
    until(lambda: bool(events_of(full)), "the event of the third one", SECONDS)
    (event,) = events_of(full)
    assert event["message"].startswith(f"pod {full.namespace}/told ")
    assert event["count"] == 1


def test_of_an_owner_that_the_api_server_does_not_know_there_is_no_event(full: Story) -> None:
    true = idle(full, "true")
    secret = full.kubectl("create", "configmap", "held", "-o", "jsonpath={.metadata.uid}").stdout
    for number, forged in enumerate(
        (
            true | {"uid": "00000000-0000-0000-0000-000000000001"},
            true | {"name": "nobody"},
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "held", "uid": secret, "controller": True},
        )
    ):
        pod = asking(f"forged-{number}", "100Ti")
        pod["metadata"]["ownerReferences"] = [forged]
        full.refused(pod)
    told = asking("told", "100Ti")
    told["metadata"]["ownerReferences"] = [true]
    full.refused(told)
    began = time.monotonic()
    until(lambda: bool(events_of(full)), "the event of the true one", SECONDS)
    print(f"a true owner is told after {time.monotonic() - began:.2f} s")
    (event,) = events_of(full)
    assert (event["involvedObject"]["name"], event["count"]) == ("true", 1)
    assert event["message"].startswith(f"pod {full.namespace}/told ")


def idle(story: Story, name: str) -> Object:
    """Make a ReplicaSet that wants no pods, and return the reference that its pods would have."""
    labels = {"matchLabels": {"app": "big"}}
    path = f"/apis/apps/v1/namespaces/{story.namespace}/replicasets"
    spec = {"replicas": 0, "selector": labels, "template": template(restart="Always")}
    made = story.api.create(path, {"metadata": {"name": name}, "spec": spec})["metadata"]
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": made["uid"], "controller": True}


def test_a_bad_configuration_shows_on_the_configmap_and_so_does_its_end(full: Story) -> None:
    uid = full.api.get(CONFIG)["metadata"]["uid"]

    def told(reason: str) -> list[Object]:
        about = f"involvedObject.uid={uid},reason={reason}"
        return full.api.items("/api/v1/namespaces/headroom-system/events", fieldSelector=about)

    before = [sum(event["count"] for event in told(reason)) for reason in _EDITS]
    full.headroom.slip_past("mode: enforced")
    until(lambda: sum(event["count"] for event in told(_EDITS[0])) > before[0], "the warning", SECONDS)
    (bad,) = told(_EDITS[0])
    assert bad["type"] == "Warning"
    assert "holds no good configuration: " in bad["message"]
    assert re.search(r"; configuration \w+ stays$", bad["message"])
    shown = full.headroom.cluster.kubectl("-n", "headroom-system", "describe", "configmap", "headroom-config").stdout
    assert "ConfigurationRefused" in shown
    full.headroom.configure({"requests": "50%"})
    until(lambda: sum(event["count"] for event in told(_EDITS[1])) > before[1], "the end of it", SECONDS)
    (good,) = told(_EDITS[1])
    assert good["type"] == "Normal"


_EDITS = ("ConfigurationRefused", "ConfigurationApplied")


def events_of(story: Story) -> list[Object]:
    """Headroom's events in the story's namespace."""
    path = f"/api/v1/namespaces/{story.namespace}/events"
    return story.api.items(path, fieldSelector=f"reportingComponent={COMPONENT}")


def revision_of(story: Story) -> str:
    """Up to where the story's namespace has come."""
    listed: Object = story.api.get(f"/api/v1/namespaces/{story.namespace}/events")
    return str(listed["metadata"]["resourceVersion"])


def written_since(story: Story, revision: str) -> int:
    """How often Headroom has written its only Event in the story's namespace: each write is a line of the watch."""
    selector = f"reportingComponent={COMPONENT}"
    asked = {"watch": "true", "resourceVersion": revision, "timeoutSeconds": "2", "fieldSelector": selector}
    (event,) = events_of(story)
    lines: list[str] = []

    def come_so_far() -> bool:
        lines[:] = story.api.text(f"/api/v1/namespaces/{story.namespace}/events?{urlencode(asked)}").splitlines()
        newest = event["metadata"]["resourceVersion"]
        return any(json.loads(line)["object"]["metadata"]["resourceVersion"] == newest for line in lines)

    until(come_so_far, "the writes of the Event", SECONDS)
    return len(lines)


# -- storms ------------------------------------------------------------------------------------------------------------


def allowed(seconds: float) -> float:
    """How many Events may be written in that time."""
    return BURST + RATE * seconds


def forgotten(story: Story) -> None:
    """Wait until what earlier tests left to be told, in namespaces that are no more, has been tried and dropped."""

    def tried() -> float:
        shown = story.headroom.exposition()
        return shown.value(WRITTEN) + shown.value(DROPPED)

    deadline = time.monotonic() + SECONDS
    before, since = tried(), time.monotonic()
    while time.monotonic() < since + INTERVAL + 2.0:
        assert time.monotonic() < deadline, "there is no end of Events"
        time.sleep(0.5)
        if (now := tried()) != before:
            before, since = now, time.monotonic()


def test_a_storm_of_2000_refusals_of_one_deployment_is_one_event_and_a_complete_audit_log(full: Story) -> None:
    web = Workload(full, "100Ti")
    web.apply(0)
    owner = web.replica_set()["metadata"]
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner["name"], "uid": owner["uid"]}

    def refuse(number: int) -> None:
        pod = asking(f"web-{number}", "100Ti")
        pod["metadata"]["ownerReferences"] = [reference | {"controller": True}]
        full.refused(pod)

    revision, began = revision_of(full), time.monotonic()
    with ThreadPoolExecutor(16) as clients:
        list(clients.map(refuse, range(2000)))
    stormed = time.monotonic() - began
    until(lambda: sum(event["count"] for event in events_of(full)) == 2000, "the whole count", SECONDS)
    took = time.monotonic() - began
    writes = written_since(full, revision)
    print(f"2000 refusals in {stormed:.1f} s, {writes} writes of events in {took:.1f} s")
    assert 1 <= writes <= 2 + took / INTERVAL, "the first, and one each interval"
    assert len(events_of(full)) == 1
    assert line_of(full, "deployment/web").times == 2000
    full.audited(2000)


@pytest.mark.timeout(600)
def test_200_deployments_that_are_refused_are_all_told_within_bounds(full: Story) -> None:
    names = [f"big-{number}" for number in range(200)]
    forgotten(full)
    began = time.monotonic()
    before, refused, given_up = full.headroom.exposition(), counted(full, REFUSED), counted(full, GIVEN_UP)

    def make(name: str) -> None:
        labels = {"matchLabels": {"app": "big"}}
        spec = {"replicas": 1, "selector": labels, "template": template(restart="Always")}
        full.api.create(
            f"/apis/apps/v1/namespaces/{full.namespace}/deployments", {"metadata": {"name": name}, "spec": spec}
        )

    with ThreadPoolExecutor(8) as clients:
        list(clients.map(make, names))
    until(lambda: len(events_of(full)) >= 200, "an event for each of them", 200.0)
    shown = full.headroom.exposition()
    took = time.monotonic() - began
    written = shown.value(WRITTEN) - before.value(WRITTEN)
    print(f"200 deployments told in {took:.1f} s with {written:.0f} writes")
    assert {event["involvedObject"]["name"] for event in events_of(full)} == set(names)
    assert all(event["involvedObject"]["kind"] == "Deployment" for event in events_of(full))
    assert written <= allowed(took)
    assert shown.value(DROPPED) == before.value(DROPPED)

    def complete() -> bool:
        least = counted(full, REFUSED) - refused
        lines = len(full.headroom.audit_lines(full.namespace))
        most = counted(full, REFUSED) - refused + counted(full, GIVEN_UP) - given_up
        print(f"{lines} audit lines, {least} to {most} refusals")  # controllers go on trying
        return least <= lines <= most

    until(complete, "as many audit lines as the API server saw refusals", SECONDS)


def test_replicas_count_in_the_same_event(full: Story, tmp_path: Path) -> None:
    cluster = full.headroom.cluster
    path = str(cluster.service_account_kubeconfig("headroom-system", "headroom", tmp_path / "kubeconfig"))
    about = Reference("apps/v1", "Deployment", full.namespace, "web", "uid-web")
    occurrence = Occurrence(about, "Warning", FULL, "CreatePod", "it does not fit")

    def write(replica: str) -> None:
        events, left = EventWriter(Api(configure(path)), replica), 20
        while left:
            try:
                events.write(about, occurrence, 2, time.time(), time.time())
            except Conflict:
                continue  # as the announcing does, though ten seconds later
            left -= 1

    with ThreadPoolExecutor(2) as replicas:
        list(replicas.map(write, ("r1", "r2")))
    (event,) = events_of(full)
    assert event["count"] == 80


# -- without the right to write them -----------------------------------------------------------------------------------


@pytest.fixture
def no_right(headroom: Headroom) -> Iterator[None]:
    """Headroom may write no events, as after an upgrade that left the new role out."""
    api = headroom.cluster.api
    role = api.get(ROLE)
    rules = [rule for rule in role["rules"] if rule.get("resources") != ["events"]]
    assert len(rules) < len(role["rules"])
    api.patch(ROLE, {"rules": rules})
    until(lambda: not may_write(headroom), "the loss of the right", SECONDS)
    yield
    api.patch(ROLE, {"rules": role["rules"]})
    until(lambda: may_write(headroom), "the right again", SECONDS)


def may_write(headroom: Headroom) -> bool:
    """Whether Headroom's account may make events."""
    account = "--as=system:serviceaccount:headroom-system:headroom"
    said = headroom.cluster.kubectl("auth", "can-i", "create", "events", account, check=False).stdout
    return said.strip() == "yes"


def test_without_the_right_there_is_one_line_in_the_log_and_reviews_go_on(full: Story, no_right: None) -> None:
    before = full.headroom.exposition().value(DROPPED)
    owners = [idle(full, f"idle-{number}") for number in range(30)]
    for number, owner in enumerate(owners):
        pod = asking(f"big-{number}", "100Ti")
        pod["metadata"]["ownerReferences"] = [owner]
        full.refused(pod)
    full.create(asking("fits", "1Mi"))
    until(lambda: full.headroom.exposition().value(DROPPED) >= before + 30, "what was dropped", SECONDS)
    until(lambda: "Events cannot be written" in full.headroom.log(), "the log line", SECONDS)
    # Of the whole log: an Event that another test left to be told may have been the first to be refused.
    lines = [line for line in full.headroom.log().splitlines() if "Events cannot be written" in line]
    assert len([line for line in lines if ": 403 Forbidden" in line]) == 1, "another fault would have a line of its own"
    full.audited(30)

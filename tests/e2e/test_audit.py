"""The audit log: one JSON line for each decision that was not a plain allow, complete, with every figure in it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from devcluster.api import Object
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.replicas import Replicas
from tests.e2e.headroom import SECONDS
from tests.e2e.pods import asking
from tests.e2e.story import Story
from tests.e2e.workload import Workload

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

GI = 1 << 30
DROPPED = "headroom_audit_lines_dropped_total"
FIELDS = """
    ts schema event decision reason uid dry_run mode operation user kind namespace name owner_kind owner_name owner_uid
    scope short_sums asked_requests_bytes asked_limits_bytes committed_requests_bytes committed_limits_bytes
    bound_requests_bytes bound_limits_bytes short_by_requests_bytes short_by_limits_bytes allocatable_bytes
    snapshot_age_seconds config_hash duration_ms replica top_owner_api_version top_owner_kind top_owner_name
    top_owner_uid
"""


def test_a_denial_is_one_line_with_every_field(story: Story, control_plane: ControlPlane) -> None:
    story.headroom.configure({"requests": "50%", "limits": "100%"})
    story.create(asking("old", "3Gi", "4Gi"))
    story.headroom.account()
    told = story.refused(asking("big", "10Gi", "30Gi"))
    (line,) = story.audited(1)
    assert set(line) >= set(FIELDS.split())
    moment = datetime.fromisoformat(line["ts"])
    assert abs(datetime.now(UTC) - moment) < timedelta(seconds=30)
    assert line["message"] == told
    known = {
        "schema": 2,
        "event": "decision",
        "decision": "deny",
        "reason": "MemoryCommitmentExceeded",
        "dry_run": False,
        "mode": "enforce",
        "operation": "CREATE",
        "user": "admin",
        "kind": "Pod",
        "namespace": story.namespace,
        "name": "big",
        "owner_kind": None,
        "owner_name": None,
        "scope": "cluster",
        "asked_requests_bytes": 10 * GI,
        "asked_limits_bytes": 30 * GI,
        "committed_requests_bytes": 3 * GI,
        "committed_limits_bytes": 4 * GI,
        "bound_requests_bytes": 12 * GI,
        "bound_limits_bytes": 24 * GI,
        "allocatable_bytes": 24 * GI,
        "short_sums": ["cluster/memory-requests", "cluster/memory-limits"],
        "short_by_requests_bytes": GI,
        "short_by_limits_bytes": 10 * GI,
        "config_hash": story.headroom.exposition().labels("headroom_config_info")["hash"],
    }
    assert {key: line[key] for key in known} == known
    assert 0 <= line["snapshot_age_seconds"] < 60
    assert 0 < line["duration_ms"] < 60_000
    assert line["replica"]
    assert line["uid"]


def test_what_is_not_bounded_or_has_no_limit_is_null_and_never_zero(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    story.refused(asking("big", "100Ti"))
    (line,) = story.audited(1)
    assert (line["asked_limits_bytes"], line["bound_limits_bytes"]) == (None, None)


def test_the_owner_and_the_account_that_asked_are_in_the_line(story: Story, control_plane: ControlPlane) -> None:
    story.headroom.configure({"requests": "50%"})
    web = Workload(story, "13Gi")
    web.apply(1)
    until(lambda: bool(story.headroom.audit_lines(story.namespace)), "the controller's refusal", SECONDS)
    line = story.headroom.audit_lines(story.namespace)[0]
    replica_set = web.replica_set()["metadata"]["name"]
    assert (line["owner_kind"], line["owner_name"]) == ("ReplicaSet", replica_set)
    assert line["name"].startswith(f"{replica_set}-")
    assert line["user"] == "system:serviceaccount:kube-system:replicaset-controller"


def test_the_owner_that_people_look_at_is_in_a_line_as_the_api_server_knows_it(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    web = Workload(story, "13Gi")
    web.apply(1)

    def owned() -> list[Object]:  # a line is written without it where the API server does not answer in time
        return [line for line in story.headroom.audit_lines(story.namespace) if line["top_owner_kind"]]

    def tried() -> bool:  # left alone, the controller tries again after twice as long as before
        web.touch()
        return bool(owned())

    until(tried, "a line with the top owner", SECONDS)
    uid = story.api.get(f"/apis/apps/v1/namespaces/{story.namespace}/deployments/{web.name}")["metadata"]["uid"]
    top = [owned()[0][f"top_owner_{part}"] for part in ("api_version", "kind", "name", "uid")]
    assert top == ["apps/v1", "Deployment", web.name, uid]


def test_every_denial_of_a_storm_has_its_line_and_no_other_has_one(story: Story) -> None:
    story.headroom.configure({"requests": "50%"}, warnAt="100%")
    story.create(asking("plain", 1))
    dropped = story.headroom.exposition().value(DROPPED)
    with ThreadPoolExecutor(16) as clients:
        list(clients.map(lambda number: story.refused(asking(f"big-{number}", "100Ti")), range(200)))
    lines = story.audited(200)
    assert {line["name"] for line in lines} == {f"big-{number}" for number in range(200)}
    assert len({line["uid"] for line in lines}) == 200
    assert story.headroom.exposition().value(DROPPED) == dropped


def test_a_dry_runs_denial_is_marked_as_one(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    story.refused(asking("big", "100Ti"), dryRun="All")
    (line,) = story.audited(1)
    assert line["dry_run"] is True


def test_a_name_that_a_user_made_up_stays_inside_its_field(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    eve = 'eve","decision":"allow\\n'
    given = asking("big", "100Ti")
    told = story.kubectl(f"--as={eve}", "--as-group=system:masters", "create", "-f", "-", given=given, check=False)
    assert "denied the request" in told.stderr
    (line,) = story.audited(1)
    assert (line["user"], line["decision"]) == (eve, "deny")


def test_the_file_has_the_same_lines_as_standard_output(
    story: Story, control_plane: ControlPlane, replicas: Replicas
) -> None:
    story.headroom.configure({"requests": "50%"})
    for number in range(3):
        story.refused(asking(f"big-{number}", "100Ti"))
    printed = story.audited(3)

    def filed() -> list[Object]:
        text = replicas[0].audit_file.read_text()
        lines = map(json.loads, text[: text.rfind("\n") + 1].splitlines())
        return [line for line in lines if line["namespace"] == story.namespace]

    until(lambda: filed() == printed, "the same lines in the file", SECONDS)


def test_the_decision_is_counted_by_what_was_asked_and_said(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    labels = {"operation": "CREATE", "kind": "Pod", "verdict": "deny", "reason": "MemoryCommitmentExceeded"}

    def counted() -> float:
        return story.headroom.exposition().value("headroom_admission_reviews_total", **labels, dry_run="false")

    def lines() -> int:  # of all namespaces: controllers of another test may still ask for pods
        named = ("operation", "kind", "decision", "reason", "dry_run")
        wanted = ["CREATE", "Pod", "deny", labels["reason"], False]
        return sum([line.get(name) for name in named] == wanted for line in story.headroom.audit_lines())

    until(lambda: counted() == lines(), "one count for each line of earlier tests", SECONDS)
    before = counted()
    story.refused(asking("big", "100Ti"))
    story.audited(1)
    until(lambda: counted() == lines(), "one count for each line", SECONDS)
    assert counted() > before

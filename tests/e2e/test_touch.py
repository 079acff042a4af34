"""The touch that the pages have for a workload that was refused: it reaches what makes the pods, each time."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from devcluster.processes import until
from tests.e2e.story import Story
from tests.e2e.workload import Workload

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

CHECKOUT = Path(__file__).parents[2]
PAGES = [CHECKOUT / "README.md", CHECKOUT / "demo/story.py", *sorted((CHECKOUT / "docs").glob("*.md"))]
TOUCH = r"kubectl (?:-n demo )?annotate [^`\n\']*"
ONE_SPELLING = re.compile(
    r'annotate deployment \w+ (--namespace NAMESPACE )?--overwrite headroom\.internal/retry="\$\(date \+%s\)"'
)
SECONDS = 60.0


def touches() -> list[str]:
    return [found for page in PAGES for found in re.findall(TOUCH, page.read_text())]


def test_there_is_one_spelling() -> None:
    found = touches()
    assert len(found) >= 3
    assert [each for each in found if not ONE_SPELLING.search(each)] == []


def test_a_touch_works_and_works_again(story: Story) -> None:
    story.headroom.configure({"requests": "10%"})
    workload = Workload(story, "2Gi")  # of 24Gi
    workload.apply(replicas=2)
    workload.settles_at(1)
    [command] = [each for each in touches() if each.startswith("kubectl annotate deployment web ")]
    for _ in range(2):
        before, refused = workload.replica_set()["metadata"]["resourceVersion"], len(refusals(story))
        time.sleep(1.0)  # the value is a whole number of seconds
        cluster = story.headroom.cluster
        environment = os.environ | {"KUBECONFIG": str(cluster.kubeconfig)}
        environment["PATH"] = f"{cluster.kubectl_path.parent}{os.pathsep}{environment['PATH']}"
        there = command.replace("kubectl ", f"kubectl --namespace={story.namespace} ")
        subprocess.run(["bash", "-c", there], env=environment, check=True)
        stamp = workload.story.api.get(f"{workload._path}/deployments/web")["metadata"]["annotations"][
            "headroom.internal/retry"
        ]
        until(lambda: stamped(workload) == stamp, "the touch of the ReplicaSet", SECONDS)  # noqa: B023 - called at once
        assert workload.replica_set()["metadata"]["resourceVersion"] != before
        until(lambda: len(refusals(story)) > refused, "another try", SECONDS)  # noqa: B023 - called at once


def stamped(workload: Workload) -> str | None:
    annotations: dict[str, str] = workload.replica_set()["metadata"]["annotations"]
    return annotations.get("headroom.internal/retry")


def refusals(story: Story) -> list[object]:
    return [each for each in story.headroom.audit_lines(story.namespace) if each["decision"] == "deny"]

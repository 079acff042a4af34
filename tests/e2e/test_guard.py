"""The guard on the real API server: what `kubectl apply` of the ConfigMap is told, and what it never asks about."""

import json
import re
import time
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

from devcluster.api import ApiError, Object
from devcluster.processes import until
from tests.e2e.headroom import CONFIG, CONFIG_MAPS, GUARD, SECONDS, Headroom, document
from tests.e2e.pods import asking
from tests.e2e.story import Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

GI = 1 << 30
SYSTEM = "--namespace=headroom-system"
REFUSED = f'admission webhook "{GUARD}" denied the request: no good configuration: '
ASKED = rf'^apiserver_admission_webhook_request_total\{{code="\d+",name="{re.escape(GUARD)}",.*\}} (\S+)$'
PREVIEW = (
    "Warning: memory requests of the cluster would be {}% of the new threshold: nothing more fits until {} are freed"
)


@pytest.fixture(autouse=True)
def half(headroom: Headroom) -> Iterator[None]:
    """Half of 3 * 8Gi may be promised, before and after."""
    headroom.configure({"requests": "50%"}, warnAt="100%")
    yield
    headroom.configure({"requests": "50%"})


def config_map(text: str) -> Object:
    metadata = {"name": "headroom-config", "namespace": "headroom-system"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yaml": text}}


def applied(story: Story, text: str, *more: str, check: bool = True) -> CompletedProcess[str]:
    """What `kubectl apply` of that configuration says."""
    command = ("apply", SYSTEM, "--server-side", "--force-conflicts", *more, "-f", "-")
    return story.headroom.cluster.kubectl(*command, input=json.dumps(config_map(text)), check=check)


def warnings(done: CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]


def asked(story: Story) -> int:
    """How often the API server has asked the guard."""
    shown = re.findall(ASKED, story.api.text("/metrics"), re.MULTILINE)
    return sum(int(float(count)) for count in shown)


def kept(story: Story) -> str:
    return str(story.api.get(CONFIG)["data"]["config.yaml"])


@pytest.mark.parametrize("more", [(), ("--dry-run=server",)], ids=["really", "dry-run"])
def test_a_bad_threshold_is_refused_with_its_path_and_what_would_be_right(story: Story, more: tuple[str, ...]) -> None:
    before = kept(story)
    done = applied(story, document({"requests": "75"}, mode="enforced"), *more, check=False)
    assert done.returncode == 1
    assert REFUSED in done.stderr
    assert 'thresholds.memory.requests: "75" has no percent sign; write 75%' in done.stderr
    assert "mode: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert kept(story) == before
    print(done.stderr)


@pytest.mark.parametrize(
    "edit",
    [
        {"data": {"config.yaml": None}},
        {"data": {"config.yaml": "thresholds: 75"}},
    ],
    ids=["key-removed", "bad-text"],
)
def test_a_patch_is_guarded_as_well(story: Story, edit: Object) -> None:
    with pytest.raises(ApiError, match="no good configuration") as caught:
        story.api.patch(CONFIG, edit)
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")


def test_a_dry_run_of_a_lower_threshold_shows_what_it_would_do_and_changes_nothing(story: Story) -> None:
    free = story.headroom.account().free_requests
    story.create(asking("big", free - 3 * GI))
    account, before = story.headroom.account(), kept(story)
    done = applied(story, document({"requests": "25%"}), "--dry-run=server")
    assert warnings(done) == [PREVIEW.format("150", "3Gi")]
    assert warnings(applied(story, document({"requests": "49%"}), "--dry-run=server")) == []
    assert kept(story) == before
    assert story.headroom.account() == account
    story.create(asking("more", 2 * GI))


def test_a_good_edit_passes_is_previewed_and_applies_within_a_second(story: Story) -> None:
    story.create(asking("big", story.headroom.account().free_requests - 3 * GI))
    story.headroom.account()
    bound = story.headroom.account().requests_bound
    done = applied(story, document({"requests": "25%"}))
    began = time.monotonic()
    until(lambda: story.headroom.account().requests_bound == bound // 2, "the edit's effect", SECONDS)
    took = time.monotonic() - began
    print(f"{took * 1000:.0f} ms after kubectl had come back; it said {warnings(done)}")
    assert warnings(done) == [PREVIEW.format("150", "3Gi")]
    assert took < 30.0  # the promise is one second; a busy machine gets the rest
    story.refused(asking("more", 1))


def test_a_pool_that_selects_nothing_is_told(story: Story) -> None:
    pool = {"name": "gpu", "nodeSelector": {"pool": "gpu"}, "thresholds": {"memory": {"requests": "75%"}}}
    done = applied(story, document({"requests": "50%"}, warnAt="100%", pools=[pool]), "--dry-run=server")
    assert warnings(done) == [
        "Warning: pool gpu selects no node: its thresholds come to 0, and nothing confined to it fits",
    ]


def test_no_other_configmap_is_asked_about(story: Story) -> None:
    before = asked(story)
    story.create(asking("books", GI))  # the replica writes what it holds, in this namespace
    for name in ("headroom-configs", "another"):
        story.api.create(CONFIG_MAPS, {"metadata": {"name": name}, "data": {"config.yaml": "no: [configuration"}})
        story.api.patch(f"{CONFIG_MAPS}/{name}", {"data": {"a": "b"}})
        story.api.delete(f"{CONFIG_MAPS}/{name}")
    elsewhere = f"/api/v1/namespaces/{story.namespace}/configmaps"
    story.api.create(elsewhere, {"metadata": {"name": "headroom-config"}, "data": {"config.yaml": "bad"}})
    story.headroom.account()
    assert asked(story) == before
    applied(story, kept(story), "--dry-run=server")
    assert asked(story) > before


def test_to_delete_it_passes_with_a_warning_and_a_bad_one_cannot_take_its_place(story: Story) -> None:
    text = kept(story)
    command = ("delete", SYSTEM, "configmap", "headroom-config")
    said = warnings(story.headroom.cluster.kubectl(*command, "--dry-run=server"))
    assert said == warnings(story.headroom.cluster.kubectl(*command))
    assert said[0].startswith("Warning: replicas that run keep the last good configuration")
    with pytest.raises(ApiError, match="no good configuration"):
        story.api.create(CONFIG_MAPS, config_map("bad"))
    story.api.create(CONFIG_MAPS, config_map(text))


def test_its_labels_can_be_edited(story: Story) -> None:
    before = kept(story)
    story.api.patch(CONFIG, {"metadata": {"labels": {"edited": "yes"}}})
    story.api.patch(CONFIG, {"metadata": {"labels": {"edited": None}}})
    assert kept(story) == before

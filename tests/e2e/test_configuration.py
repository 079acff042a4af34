"""The ConfigMap as people edit it: a good edit acts at once and without a restart, a bad one changes nothing."""

import time
from collections.abc import Callable, Iterator

import pytest

from devcluster.processes import until
from tests.e2e.exposition import Exposition
from tests.e2e.headroom import CONFIG, Headroom, document, unguarded
from tests.e2e.pods import asking
from tests.e2e.story import Story

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("room")]

GI = 1 << 30
SECONDS = 60.0
PROMISED = (
    30.0  # seconds: the promise is one, a busy machine gets the rest; without a watch it would be a minute or never
)
RELOADED = "headroom_config_last_reload_success"
KIND = "apiVersion: headroom.internal/v1\nkind: HeadroomConfig\n"
GOOD = f"{KIND}thresholds: {{memory: {{requests: 50%}}}}\n"

BAD = {
    "no-percent": (f"{KIND}thresholds: {{memory: {{requests: '75'}}}}", 'thresholds.memory.requests: "75" has no perc'),
    "unknown-key": (f"{GOOD}tresholds: {{}}", "tresholds: unknown key; did you mean thresholds?"),
    "unknown-mode": (f"{GOOD}mode: off", 'mode: "off" stands here; write enforce, warn or audit'),
    "bounds-nothing": (f"{KIND}mode: warn", "thresholds: has no threshold"),
    "other-version": (GOOD.replace("/v1", "/v9"), "apiVersion"),
    "no-yaml": ("a: [", "did not find expected node content"),
    "empty": ("", "is empty"),
}


@pytest.fixture
def restored(headroom: Headroom) -> Iterator[None]:
    """Whatever the test leaves behind, the next one finds a good configuration."""
    yield
    headroom.configure({"requests": "50%"})


def took(effect: Callable[[], bool], what: str) -> float:
    """Return the seconds until `effect`."""
    began = time.monotonic()
    until(effect, what, SECONDS)
    return time.monotonic() - began


def test_a_raised_threshold_lets_in_and_a_lowered_one_refuses_within_a_second(story: Story) -> None:
    story.headroom.configure({"requests": "25%"})
    account = story.headroom.account()
    probe = asking("probe", account.free_requests + account.allocatable // 8)
    assert not story.fits(probe)
    story.headroom.write(document({"requests": "50%"}))
    raised = took(lambda: story.fits(probe), "the raised threshold's effect")
    story.headroom.write(document({"requests": "25%"}))
    lowered = took(lambda: not story.fits(probe), "the lowered threshold's effect")
    print(f"raised in {raised * 1000:.0f} ms, lowered in {lowered * 1000:.0f} ms")
    assert max(raised, lowered) <= PROMISED


def test_a_threshold_below_what_is_committed_evicts_nobody_and_lets_nothing_in(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    free = story.headroom.account().free_requests
    made = story.create(asking("old", free))
    story.headroom.configure({"requests": "25%"})
    assert story.headroom.account().free_requests < 0
    story.refused(asking("new", 1))
    kept = story.api.get(f"{story.pods}/old")
    assert kept["metadata"]["uid"] == made["metadata"]["uid"]
    assert "deletionTimestamp" not in kept["metadata"]
    assert story.headroom.exposition().value("headroom_pods") >= 1


@pytest.mark.parametrize(("text", "fault"), BAD.values(), ids=BAD)
def test_a_bad_edit_keeps_the_last_good_one_and_shows_in_log_and_metric(
    story: Story, restored: None, text: str, fault: str
) -> None:
    story.headroom.configure({"requests": "37%"})
    before = story.headroom.exposition()
    assert before.value(RELOADED) == 1
    bound = story.headroom.account().requests_bound
    said = len(story.headroom.log())
    story.headroom.slip_past(text)
    until(lambda: story.headroom.exposition().value(RELOADED) == 0, "the metric of the bad edit", SECONDS)
    after = story.headroom.exposition()
    assert after.labels("headroom_config_info") == before.labels("headroom_config_info")
    assert story.headroom.account().requests_bound == bound
    until(lambda: " stays" in story.headroom.log()[said:], "the log line", SECONDS)  # a thread of its own writes it
    told, *_ = [line for line in story.headroom.log()[said:].splitlines() if "stays" in line]  # again, if listed again
    assert fault in told
    assert f"configuration {before.labels('headroom_config_info')['hash']} stays" in told
    story.refused(asking("over", bound + 1))
    story.headroom.configure({"requests": "50%"})
    assert story.headroom.exposition().value(RELOADED) == 1


def test_without_its_key_or_without_the_configmap_the_last_good_one_stays(story: Story, restored: None) -> None:
    story.headroom.configure({"requests": "37%"})
    bound = story.headroom.account().requests_bound
    said = len(story.headroom.log())

    def reloaded() -> Exposition:
        return story.headroom.exposition()

    with unguarded(story.headroom.cluster):
        story.api.patch(CONFIG, {"data": {"config.yaml": None, "other.yaml": GOOD}})
    until(lambda: reloaded().value(RELOADED) == 0, "the metric of the missing key", SECONDS)
    story.headroom.configure({"requests": "37%"})
    story.api.delete(CONFIG)
    until(lambda: reloaded().value(RELOADED) == 0, "the metric of the missing ConfigMap", SECONDS)
    assert story.headroom.account().requests_bound == bound
    story.refused(asking("over", bound + 1))
    for told in ("has no key config.yaml: add it", "the ConfigMap headroom-config does not exist: create it"):
        until(lambda: told in story.headroom.log()[said:], "the log line", SECONDS)  # noqa: B023 - now
    story.headroom.configure({"requests": "50%"})
    assert reloaded().value(RELOADED) == 1


def test_an_edit_of_the_same_meaning_changes_nothing(story: Story) -> None:
    story.headroom.configure({"requests": "50%"})
    before = story.headroom.exposition().labels("headroom_config_info")
    story.headroom.write(f"# a comment\n{GOOD}mode: enforce\n")
    story.headroom.write(f"{KIND}thresholds:\n  memory:\n    requests: 50.0%\n")
    assert story.headroom.exposition().labels("headroom_config_info") == before

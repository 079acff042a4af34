"""A bad edit keeps the last good configuration and says so; a good one applies."""

import logging

import pytest

from tests.support.configs import SMALLEST
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.types import Mode
from webhook.state.configuration import ConfigurationLoader, Edit, Reading

LOOSER = SMALLEST.replace("75%", "90%")
SAME_MEANING = "# a comment\n" + SMALLEST.replace("75%", "75.0%")


class Applied:
    """What was applied, and why nothing could be."""

    def __init__(self) -> None:
        self.configs: list[HeadroomConfig] = []
        self.digests: list[str] = []
        self.problems: list[str] = []
        self.edits: list[Edit] = []
        self.settings = ConfigurationLoader(self._apply, self.problems.append, self.edits.append)

    def _apply(self, config: HeadroomConfig, digest: str) -> None:
        self.configs.append(config)
        self.digests.append(digest)

    def read(self, text: str) -> Reading:
        """Read an edit of the one key."""
        self.settings.read({"config.yaml": text}, "uid-1")
        return self.settings.reading


def test_nothing_is_good_before_it_was_read() -> None:
    assert Applied().settings.reading == Reading(good=False, problem="not read yet")


def test_a_good_configuration_applies_and_is_announced(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    applied = Applied()
    assert applied.read(SMALLEST) == Reading(good=True)
    assert [str(config.thresholds.memory.requests) for config in applied.configs] == ["75%"]
    assert f"configuration {applied.digests[0]} applies from now on (mode {Mode.ENFORCE})" in caplog.text


def test_an_edit_applies() -> None:
    applied = Applied()
    applied.read(SMALLEST)
    applied.read(LOOSER)
    assert [str(config.thresholds.memory.requests) for config in applied.configs] == ["75%", "90%"]


def test_an_edit_that_means_the_same_is_neither_applied_nor_announced(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    applied = Applied()
    applied.read(SMALLEST)
    assert applied.read(SAME_MEANING) == Reading(good=True)
    assert len(applied.configs) == 1
    assert caplog.text.count("applies from now on") == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (None, "the ConfigMap headroom-config does not exist: create it"),
        ({}, "the ConfigMap headroom-config has no key config.yaml: add it"),
        ({"config.yml": SMALLEST}, "the ConfigMap headroom-config has no key config.yaml: add it"),
        ({"config.yaml": "mode: enforced"}, "the ConfigMap headroom-config holds no good configuration: "),
        ({"config.yaml": ""}, "the ConfigMap headroom-config holds no good configuration: "),
        ({"config.yaml": "\0{["}, "the ConfigMap headroom-config holds no good configuration: "),
    ],
)
def test_a_bad_edit_keeps_the_last_good_configuration_and_says_so(
    data: dict[str, str] | None, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    applied = Applied()
    applied.read(SMALLEST)
    applied.settings.read(data)
    assert len(applied.configs) == 1
    assert applied.problems == []
    assert not applied.settings.reading.good
    assert applied.settings.reading.problem.startswith(problem)
    (said,) = caplog.records
    assert said.message.startswith(problem)
    assert said.message.endswith(f"configuration {applied.digests[0]} stays")


@pytest.mark.parametrize("data", [None, {}, {"config.yaml": "mode: enforced"}])
def test_without_any_good_configuration_nothing_can_be_judged(
    data: dict[str, str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    applied = Applied()
    applied.settings.read(data)
    assert applied.problems == [applied.settings.reading.problem]
    assert "there is none yet, so nothing can be judged" in caplog.text


def test_a_good_edit_mends_a_bad_one() -> None:
    applied = Applied()
    applied.read(SMALLEST)
    applied.read("mode: enforced")
    assert applied.read(SMALLEST) == Reading(good=True)
    assert len(applied.configs) == 1, "it applied all the time"
    assert applied.read(LOOSER).good
    assert len(applied.configs) == 2


def test_a_configuration_that_could_not_be_applied_is_applied_when_it_comes_again() -> None:
    applied = Applied()

    def fail(*_: object) -> None:
        raise RuntimeError

    settings = ConfigurationLoader(fail, applied.problems.append)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            settings.read({"config.yaml": SMALLEST})


def test_what_becomes_of_an_edit_is_announced_on_the_configmap() -> None:
    applied = Applied()
    applied.read(SMALLEST)
    applied.read("mode: enforced")
    applied.read(SMALLEST)
    applied.read(LOOSER)
    first, second = applied.digests
    assert [(edit.uid, edit.good) for edit in applied.edits] == [("uid-1", False), ("uid-1", True), ("uid-1", True)]
    bad, mended, looser = (edit.text for edit in applied.edits)
    assert bad.startswith("the ConfigMap headroom-config holds no good configuration: ")
    assert bad.endswith(f"configuration {first} stays")
    assert mended == f"configuration {first} applies (mode enforce)"
    assert looser == f"configuration {second} applies (mode enforce): thresholds.memory.requests: 75% → 90%"


def test_what_a_replica_finds_when_it_starts_or_is_told_again_is_no_news() -> None:
    applied = Applied()
    for _ in range(3):
        applied.read(SMALLEST)
    applied.read(SAME_MEANING)
    assert applied.edits == []


def test_a_bad_configuration_is_announced_by_a_replica_that_starts_with_it() -> None:
    applied = Applied()
    applied.read("mode: enforced")
    (edit,) = applied.edits
    assert edit.text.endswith("there is none yet, so nothing can be judged")


def test_where_there_is_no_configmap_there_is_nothing_to_announce_it_on() -> None:
    applied = Applied()
    applied.settings.read(None)
    assert applied.edits == []

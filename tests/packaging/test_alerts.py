"""Every alert is valid, fires when it should and only then, and names a section of the runbooks that exists."""

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.prometheus import programs
from tests.packaging.runbooks import ALERTS, PAGE, TESTS, url, with_urls


@pytest.fixture(scope="module")
def groups() -> list[Any]:
    found: list[Any] = yaml.safe_load(ALERTS.read_text())["spec"]["groups"]
    return found


@pytest.fixture(scope="module")
def alerts(groups: list[Any]) -> list[Any]:
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.fixture
def rules(groups: list[Any], tmp_path: Path) -> Path:
    """The rules as Prometheus reads them, without the object around them."""
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": groups}))
    return file


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run([programs() / "promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid_and_none_is_there_twice(rules: Path) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", rules)


def test_alerts_fire_when_they_should_and_only_then(rules: Path) -> None:
    (rules.parent / TESTS.name).write_text(TESTS.read_text())
    promtool("test", "rules", rules.parent / TESTS.name)


def test_every_alert_is_tested_firing_and_not_firing(alerts: list[Any]) -> None:
    tested = Counter[tuple[str, bool]]()
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for case in test["alert_rule_test"]:
            tested[case["alertname"], bool(case["exp_alerts"])] += 1
    assert set(tested) == {(alert["alert"], fires) for alert in alerts for fires in (True, False)}


def test_every_alert_says_what_it_is_what_to_do_and_where_to_read_on(alerts: list[Any]) -> None:
    sections = set(re.findall(r"^## (\w+)$", PAGE.read_text(), re.MULTILINE))
    assert sections == {alert["alert"] for alert in alerts}
    for alert in alerts:
        notes = alert["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url"}
        assert notes["summary"].endswith(".")
        assert notes["description"].endswith(".")
        assert notes["runbook_url"] == url(alert["alert"]), "make docs"
        assert alert["labels"]["severity"] in {"info", "warning", "critical"}


def test_the_address_of_the_runbooks_is_written_in_one_place() -> None:
    for file in (ALERTS, TESTS):
        elsewhere = file.read_text().replace("https://github.com/OWNER", "https://example.org")
        assert elsewhere != with_urls(elsewhere) == file.read_text()

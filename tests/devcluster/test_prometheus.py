"""Prometheus is told what to scrape; tests/e2e/test_prometheus.py runs it."""

from pathlib import Path

import yaml

from devcluster.prometheus import Prometheus


def test_its_configuration_has_what_it_scrapes_and_its_rules(tmp_path: Path) -> None:
    scrape = [{"job_name": "one", "static_configs": [{"targets": ["127.0.0.1:1"]}]}]
    Prometheus(tmp_path, scrape, [tmp_path / "rules.yaml"], "1s")
    written = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    assert written["scrape_configs"] == scrape
    assert written["rule_files"] == [str(tmp_path / "rules.yaml")]
    assert set(written["global"].values()) == {"1s"}

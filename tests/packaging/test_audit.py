"""The audit of pins: which versions an advisory is about, and that no database is not a good result."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.audit import FILES, ROOT, affects, audit, pins


def advisory(events: list[dict[str, str]], versions: list[str] | None = None) -> dict[str, Any]:
    ranges = [{"type": "GIT", "events": [{"introduced": "0"}]}, {"type": "ECOSYSTEM", "events": events}]
    package = {"ecosystem": "PyPI", "name": "Some_Thing"}
    return {"id": "PYSEC-1", "affected": [{"package": package, "ranges": ranges, "versions": versions or []}]}


TWICE = [{"introduced": "2.0.0"}, {"fixed": "2.0.7"}, {"introduced": "0"}, {"fixed": "1.26.18"}]


@pytest.mark.parametrize(
    ("events", "version", "is_affected"),
    [
        (TWICE, "1.26.17", True), (TWICE, "1.26.18", False), (TWICE, "2.0.0", True), (TWICE, "2.0.10", False),
        ([{"introduced": "1.0"}], "9.0", True), ([{"introduced": "1.0"}], "0.9", False),
        ([{"introduced": "0"}, {"last_affected": "3.1"}], "3.1", True),
        ([{"introduced": "0"}, {"last_affected": "3.1"}], "3.2", False),
    ],
)  # fmt: skip
def test_ranges(events: list[dict[str, str]], version: str, is_affected: bool) -> None:
    assert affects(advisory(events), "some-thing", version) is is_affected
    assert not affects(advisory(events), "another-thing", version)


def test_a_listed_version_is_affected_whatever_the_ranges_say() -> None:
    assert affects(advisory([{"introduced": "5"}], ["1.2"]), "some-thing", "1.2")


def test_every_pin_is_audited() -> None:
    found = pins((ROOT / name).read_text() for name in FILES)
    assert found.keys() > {"kubernetes", "flask", "gunicorn", "cryptography", "pytest", "pip"}


def test_what_is_found_is_named_and_what_is_withdrawn_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "vulns" / "thing"
    folder.mkdir(parents=True)
    about = "affected: [{package: {name: thing}, versions: ['1.0']}]\n"
    (folder / "a.yaml").write_text(f"id: A\naliases: [CVE-1]\n{about}")
    (folder / "b.yaml").write_text(f"id: B\nwithdrawn: 2024-01-01\n{about}")
    assert list(audit(tmp_path, {"thing": "1.0", "other": "1.0"})) == ["thing 1.0: A CVE-1"]
    assert list(audit(tmp_path, {"thing": "1.1"})) == []


def test_without_a_database_it_says_that_nothing_was_audited(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.packaging.audit", f"--advisories={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, "NOT AUDITED" in done.stderr) == (2, True)

"""`make demo REAL=1` where the machine cannot have a real node; tests/realnode has one."""

import subprocess
from pathlib import Path

import pytest

from demo import real
from devcluster.realnode import checks

ROOT = Path(__file__).parents[2]


def test_what_is_missing_is_said_and_nothing_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(checks, "missing", lambda: ["programs: containerd, ctr"])
    assert real.main() == 1
    said = capsys.readouterr().out
    assert "a real node cannot run on this machine:\n  - programs: containerd, ctr\n" in said
    assert "otherwise" not in said
    assert not (tmp_path / "headroom" / "real-node.changes").exists()


@pytest.mark.parametrize(("given", "module"), [("REAL=1", "demo.real"), ("REAL=0", "demo.story")])
def test_make_demo_shows_the_kind_of_node_that_is_asked_for(given: str, module: str) -> None:
    command = ["make", "--no-print-directory", "-n", "demo", given]  # `make test` runs this test, too
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines()[-1].endswith(f"python -m {module}")

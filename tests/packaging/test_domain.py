"""Whoever publishes Headroom under a domain of their own changes one line."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.packaging.domain import CONSTANT, ROOT, rewrite, texts, tracked, wanted, written

CHECKS = (
    "tests/unit/core/config/test_config.py",
    "tests/unit/core/config/test_schema_docs.py",
    "tests/packaging/test_manifests.py",
)


def test_manifests_and_code_have_the_domain_of_the_constant() -> None:
    assert written(ROOT) == wanted(ROOT)


def test_another_domain_is_one_line_and_make_docs(tmp_path: Path) -> None:
    files = tracked(ROOT)
    for file in files:
        if (ROOT / file).is_file():
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, tmp_path / file)
    constant = tmp_path / CONSTANT
    constant.write_text(constant.read_text().replace(f'"{wanted(ROOT)}"', '"capacity.example.org"'))
    rewrite(tmp_path, files)
    left = [str(file) for file, text in texts(tmp_path, files) if wanted(ROOT) in text]
    assert left == []
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS]
    done = subprocess.run(
        line,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout

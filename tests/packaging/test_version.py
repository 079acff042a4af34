"""The version stands in one place, `webhook.__version__`; wherever else it is written, it is the same."""

import re
from pathlib import Path

import pytest

import webhook

ROOT = Path(__file__).parents[2]
WHERE = {
    "Dockerfile": r"^ARG VERSION=(\S+)",
    "charts/headroom/Chart.yaml": r"^(?:version|appVersion): (\S+)",
    "manifests/base/kustomization.yaml": r"^ +(?:newTag|app\.kubernetes\.io/version): (\S+)",
    "README.md": r"headroom:(\d\S+)",
    "docs/*.md": r"(?:headroom:|\?ref=v)(\d+\.\d+\.\d+)",
    "tests/docs/clone.py": r'^RELEASE = "v(\S+)"',
}


@pytest.mark.parametrize("files", WHERE)
def test_it_is_the_same_wherever_it_is_written(files: str) -> None:
    found = [
        version
        for file in ROOT.glob(files)
        for version in re.findall(WHERE[files], file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert found
    assert set(found) == {webhook.__version__}

"""Writes the domain of `webhook/core/values/domain.py` wherever it stands as text: `make docs`."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONSTANT, SAMPLE = Path("webhook/core/values/domain.py"), Path("manifests/base/webhook.yaml")
KEPT = {"CHANGELOG.md"}  # says what was


def wanted(root: Path) -> str:
    """Return the domain that the constant has."""
    return _found(root / CONSTANT, r'^DOMAIN: Final = "(.+)"$')


def written(root: Path) -> str:
    """Return the domain that the manifests have."""
    return _found(root / SAMPLE, r"^- name: pods\.(\S+)$")


def _found(file: Path, pattern: str) -> str:
    match = re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise ValueError(f"{file} has no line like {pattern}")
    return match[1]


def tracked(root: Path) -> list[Path]:
    """Return the files of the project, relative to its root."""
    line = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"]
    return [
        Path(name)
        for name in subprocess.run(line, capture_output=True, text=True, check=True).stdout.split("\n")
        if name
    ]


def texts(root: Path, files: list[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the text of each file that has any."""
    for file in files:
        if str(file) in KEPT or not (root / file).is_file():
            continue
        try:
            yield root / file, (root / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def rewrite(root: Path, files: list[Path]) -> None:
    """Write the domain that is wanted in place of the one that is written."""
    old, new = written(root), wanted(root)
    if old == new:
        return
    for file, text in texts(root, files):
        replaced = text.replace(old, new).replace(re.escape(old), re.escape(new))
        if replaced != text:
            file.write_text(replaced, encoding="utf-8")


if __name__ == "__main__":
    rewrite(ROOT, tracked(ROOT))

"""The pictures in docs/ can be taken again at any time, and are those that the pages show."""

import re
from pathlib import Path

from tests.browser.pictures import FOLDER, PICTURES, WHAT_IF, take

MOST = 150_000  # bytes of a picture
ROOT = FOLDER.parents[1]


def test_each_picture_can_be_taken_is_small_and_is_shown(tmp_path: Path) -> None:
    take(tmp_path)
    names = {WHAT_IF, *(each.name for each in PICTURES)}
    assert {each.stem for each in tmp_path.iterdir()} == {each.stem for each in FOLDER.iterdir()} == names
    assert max(each.stat().st_size for folder in (tmp_path, FOLDER) for each in folder.iterdir()) < MOST
    shown = re.findall(r"!\[[^]]+\]\(pictures/([\w-]+)\.png\)", (ROOT / "docs/reports.md").read_text())
    assert set(shown) == names

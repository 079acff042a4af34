"""Archives are the same to the byte, whatever the files' times, owners and order are."""

import os
import tarfile
from pathlib import Path

from release import archive


def folder(parent: Path, time: int) -> Path:
    """Two files, written at that time."""
    made = parent / "chart"
    (made / "templates").mkdir(parents=True)
    for name in ("b.yaml", "templates/a.yaml"):
        (made / name).write_text(name)
        os.utime(made / name, (time, time))
    return made


def test_it_is_the_same_for_the_same_files(tmp_path: Path) -> None:
    one, two = (
        archive.write(tmp_path / f"{time}.tgz", archive.tree(folder(tmp_path / str(time), time), "headroom"), 7)
        for time in (1_000, 2_000)
    )
    assert one.read_bytes() == two.read_bytes()


def test_it_holds_each_file_below_its_name_and_may_run_what_is_said(tmp_path: Path) -> None:
    files = archive.tree(folder(tmp_path, 1_000), "headroom")
    made = archive.write(tmp_path / "a.tgz", files, 7, executable=frozenset({"headroom/b.yaml"}))
    with tarfile.open(made) as tar:
        entries = [(each.name, each.mode, each.mtime, each.uid, each.uname) for each in tar]
        assert tar.extractfile("headroom/b.yaml").read() == b"b.yaml"  # type: ignore[union-attr]
    assert entries == [("headroom/b.yaml", 0o755, 7, 0, ""), ("headroom/templates/a.yaml", 0o644, 7, 0, "")]

"""Cgroups are made in every hierarchy, and taken away again with all below them."""

from pathlib import Path

import pytest

from devcluster.realnode import cgroups

MOUNTS = """tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup {root}/cpu cgroup rw,relatime,cpu 0 0
cgroup {root}/memory cgroup rw,relatime,memory 0 0
cgroup {root}/cpuset cgroup rw,relatime,cpuset 0 0
cgroup2 {root}/unified cgroup2 rw,relatime 0 0
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders in place of four hierarchies."""
    for name in ("cpu", "memory", "cpuset", "unified"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n")
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(root=tmp_path))
    monkeypatch.setattr(cgroups, "hierarchies", lambda _=None: read(mounts))
    return tmp_path


read = cgroups.hierarchies


def test_hierarchies_are_those_that_are_mounted(root: Path) -> None:
    found = cgroups.hierarchies()
    assert [path.name for path in found] == ["cpu", "memory", "cpuset", "unified"]
    assert cgroups.memory_hierarchy(root / "mounts") == root / "memory"


def test_where_only_version_2_is_mounted_there_is_none_for_memory(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text("cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate,memory_recursiveprot 0 0\n")
    assert cgroups.memory_hierarchy(tmp_path / "mounts") is None


def test_they_are_made_in_every_hierarchy_and_removed_with_all_below(root: Path) -> None:
    cgroups.make("ours/one")
    for name in ("cpu", "memory", "cpuset", "unified"):
        (root / name / "ours" / "one" / "kubepods" / "pod1").mkdir(parents=True)
    assert cgroups.remove("ours")
    assert not list(root.glob("*/ours"))
    assert not cgroups.remove("ours"), "they are gone"


def test_a_cpuset_gets_the_processors_of_the_one_above(root: Path) -> None:
    for folder in (root / "cpuset" / "ours", root / "cpuset" / "ours" / "one"):
        folder.mkdir()  # where the kernel puts the files
        (folder / "cpuset.cpus").write_text("\n")
        (folder / "cpuset.mems").write_text("\n")
    cgroups.make("ours/one")
    assert (root / "cpuset" / "ours" / "one" / "cpuset.cpus").read_text() == "0-1\n"
    assert (root / "cpuset" / "ours" / "one" / "cpuset.mems").read_text() == "0\n"


def test_one_that_does_not_become_empty_is_told_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "GONE_SECONDS", 0.1)
    cgroups.make("ours")
    (root / "cpu" / "ours" / "a-file").touch()  # a folder that cannot be removed, as while a process is in it
    with pytest.raises(OSError, match="ours"):
        cgroups.remove("ours")

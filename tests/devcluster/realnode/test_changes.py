"""What real nodes change is recorded before it is changed, and put back by whoever comes next."""

from pathlib import Path

import pytest

from devcluster.realnode import cgroups
from devcluster.realnode.changes import Changes


@pytest.fixture
def sysctls(tmp_path: Path) -> Path:
    """Two sysctls as files, as proc(5) has them."""
    folder = tmp_path / "sys"
    (folder / "vm").mkdir(parents=True)
    (folder / "vm" / "overcommit_memory").write_text("0\n")
    (folder / "kernel").mkdir()
    (folder / "kernel" / "panic").write_text("5\n")
    return folder


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Where the changes are recorded."""
    return tmp_path / "changes"


def test_values_are_put_back_also_by_another_process(sysctls: Path, record: Path) -> None:
    changes = Changes(record, sysctls)
    changes.keep_sysctl("vm.overcommit_memory")
    changes.keep_sysctl("kernel.panic")
    changes.keep_sysctl("kernel.unknown_here")
    (sysctls / "vm" / "overcommit_memory").write_text("1\n")
    assert Changes(record, sysctls).put_back() == ["sysctl vm.overcommit_memory"], "the other was not changed"
    assert (sysctls / "vm" / "overcommit_memory").read_text() == "0"
    assert (sysctls / "kernel" / "panic").read_text() == "5\n"
    assert not record.exists()


def test_of_a_value_that_was_recorded_twice_the_first_counts(sysctls: Path, record: Path) -> None:
    Changes(record, sysctls).keep_sysctl("kernel.panic")
    (sysctls / "kernel" / "panic").write_text("10\n")
    Changes(record, sysctls).keep_sysctl("kernel.panic")  # after a crash, without having put it back
    Changes(record, sysctls).put_back()
    assert (sysctls / "kernel" / "panic").read_text() == "5"


def test_a_line_that_was_cut_off_changes_nothing(sysctls: Path, record: Path) -> None:
    changes = Changes(record, sysctls)
    changes.keep_sysctl("kernel.panic")
    with record.open("a") as file:
        file.write('["link", "eth')
    assert changes.read() == [["sysctl", "kernel.panic", "5"]]
    assert changes.put_back() == []


def test_what_was_not_made_yet_is_not_missed(record: Path) -> None:
    changes = Changes(record)
    changes.add_link("headroom-none0")
    changes.add_cgroups("headroom-none/at-all")
    assert changes.put_back() == []
    assert not record.exists()


def test_what_cannot_be_put_back_stays_recorded(sysctls: Path, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(name: str) -> bool:
        raise OSError(16, f"{name} is busy")

    changes = Changes(record, sysctls)
    changes.add_cgroups("headroom-real")
    monkeypatch.setattr(cgroups, "remove", busy)
    with pytest.raises(OSError, match="busy"):
        changes.put_back()
    assert changes.read() == [["cgroups", "headroom-real"]]


def test_nothing_recorded_is_nothing_to_put_back(record: Path) -> None:
    assert Changes(record).put_back() == []

"""A pipe that goes unread blocks its writer, and a disk that is full takes nothing; both recover."""

import errno
import os
import threading
from pathlib import Path

import pytest

from tests.stress.soak.places import Disk, Outlet, may_mount


def test_whoever_writes_into_a_pipe_that_is_not_read_waits_until_it_is(tmp_path: Path) -> None:
    with Outlet(tmp_path / "pipe", tmp_path / "log") as outlet, outlet.path.open("wb", buffering=0) as pipe:
        with outlet.stalled():
            before = outlet.taken
            writer = threading.Thread(target=pipe.write, args=[b"x" * 65_536])
            writer.start()
            writer.join(0.5)
            assert writer.is_alive()
            assert outlet.taken == before
        writer.join(10)
        assert not writer.is_alive()
    assert (tmp_path / "log").read_bytes() == b"x" * outlet.taken


def test_a_disk_that_is_full_takes_nothing_and_later_it_does(tmp_path: Path) -> None:
    if not may_mount(tmp_path / "trial"):
        with pytest.raises(PermissionError):
            os.setuid(0)  # who may not mount is not root
        return
    with Disk(tmp_path / "disk") as disk:
        disk.audit_file.write_bytes(b"x" * 5000)
        with (
            disk.full(),
            disk.audit_file.open("ab", buffering=0) as file,
            pytest.raises(OSError, match=os.strerror(errno.ENOSPC)),
        ):
            file.writelines([b"x" * 1000] * 100)
        with disk.audit_file.open("ab", buffering=0) as file:
            assert file.write(b"x" * 100_000) == 100_000

"""Where a replica writes to: a pipe for its output that may go unread, and a disk of its own that may be full.

The disk is a tmpfs, which takes the right to mount one.
"""

import os
import select
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from typing import Self

SIZE = 128 << 20
LARGEST = 16 << 20  # from this size on, an audit file is emptied: a disk is not what is tested then
_LOOK_SECONDS = 0.2
_PAGE = 4096


class Outlet:
    """A pipe that one thread reads and keeps in a file; while `read` is cleared, nobody does."""

    def __init__(self, path: Path, log: Path) -> None:
        self.path, self._log = path, log
        self.read = threading.Event()
        self.read.set()
        self.taken = 0  # bytes
        self._rests = threading.Event()
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        os.mkfifo(self.path)
        self._pipe = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)  # for both, so that it never looks closed
        fcntl(self._pipe, F_SETPIPE_SZ, _PAGE)  # so that it is full after a few lines
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.read.set()
        self._thread.join()
        os.close(self._pipe)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Have nobody read it."""
        self.read.clear()
        self._rests.wait()
        try:
            yield
        finally:
            self.read.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self.read.is_set():
                self._rests.set()
                self.read.wait()
                self._rests.clear()
            if select.select([self._pipe], [], [], _LOOK_SECONDS)[0]:
                with suppress(BlockingIOError), self._log.open("ab") as log:
                    self.taken += log.write(os.read(self._pipe, 1 << 16))


class Disk:
    """A file system for one audit file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.audit_file = folder / "audit.jsonl"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "headroom-soak", str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", "--lazy", str(self.folder))

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room on it: it becomes as small as what is on it."""
        self._resize(self._used())
        try:
            yield
        finally:
            self._resize(SIZE)

    def trim(self) -> None:
        """Empty a file that has become large; its writer appends."""
        for file in self.folder.glob("*"):
            if file.stat().st_size > LARGEST:
                os.truncate(file, 0)

    def _used(self) -> int:
        stat = os.statvfs(self.folder)
        return max(1, stat.f_blocks - stat.f_bfree) * stat.f_frsize

    def _resize(self, size: int) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self.folder))


def may_mount(folder: Path) -> bool:
    """Say whether this process may mount a disk."""
    try:
        with Disk(folder):
            return True
    except subprocess.CalledProcessError:
        return False


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)

"""The record of what a detached control plane has started, on disk at once, so that another process can end it."""

from pathlib import Path

from devcluster.processes import Identity


class Journal:
    """One line per started program, in the order of their starts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, identity: Identity) -> None:
        """Record a program that has just been started."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(f"{identity.name} {identity.pid} {identity.started}\n")

    def read(self) -> list[Identity]:
        """Everything that was started, whether it still runs or not."""
        if not self._path.exists():
            return []
        lines = (line.split() for line in self._path.read_text().splitlines())
        return [Identity(name, int(pid), int(started)) for name, pid, started in lines]

    def end(self) -> list[Identity]:
        """End the programs that still run, the last started first; return them."""
        running = [identity for identity in reversed(self.read()) if identity.alive()]
        for identity in running:
            identity.end()
        return running

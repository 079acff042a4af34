"""Etcd as the protocol sees it: one order of revisions, pods, nodes, and one object that compare-and-swap changes."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from webhook.core.ledger.info import PodInfo


class Change(NamedTuple):
    """One event of the watch of pods."""

    pod: PodInfo
    deleted: bool = False


class Version(NamedTuple):
    """The shared object at one revision; a `text` of None: it was deleted."""

    revision: int
    text: str | None


class Rooms(NamedTuple):
    """The memory of the two nodes, which decides every bound; the second node is the pool."""

    common: int
    pool: int


@dataclass
class Etcd:
    """The true state. Each view of a replica is a prefix of `changes`, `versions` and `rooms`."""

    rooms: list[Rooms]
    revision: int = 100
    pods: dict[str, PodInfo] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    marked: bool = False

    # -- pods ----------------------------------------------------------------------------------------------------------

    def put(self, pod: PodInfo) -> None:
        """Create a pod, or change the pod that has this name."""
        self.revision += 1
        self.pods[pod.name] = replace(pod, revision=self.revision)
        self.changes.append(Change(self.pods[pod.name]))

    def delete(self, name: str) -> None:
        """Delete a pod; its last state goes into the event, with the revision of the deletion."""
        self.revision += 1
        self.changes.append(Change(replace(self.pods.pop(name), revision=self.revision), deleted=True))

    def changes_after(self, revision: int) -> list[Change]:
        """Return the events of a watch that begins at a revision, which may be in the future."""
        return self.changes[bisect_right(self.changes, revision, key=lambda change: change.pod.revision) :]

    # -- the shared object ---------------------------------------------------------------------------------------------

    def read(self) -> Version:
        """Read the shared object; the revision is 0 if there is none."""
        last = self.versions[-1] if self.versions else Version(0, None)
        return last if last.text is not None else Version(0, None)

    def swap(self, text: str, expected: int) -> int | None:
        """Write the object if it has the expected revision (0: if there is none); else return None."""
        if self.read().revision != expected:
            return None
        return self.force(text)

    def force(self, text: str | None) -> int:
        """Write or delete the object unconditionally, as an administrator can; return the revision."""
        self.revision += 1
        self.versions.append(Version(self.revision, text))
        return self.revision

    def versions_after(self, revision: int) -> list[Version]:
        """Return the events of a watch of the shared object, as `changes_after` does for pods."""
        return self.versions[bisect_right(self.versions, revision, key=lambda version: version.revision) :]

    # -- history -------------------------------------------------------------------------------------------------------

    def put_back(self, revision: int) -> None:
        """Restore the state at a revision and drop everything after it; nodes and the mark stay."""
        self.changes = [change for change in self.changes if change.pod.revision <= revision]
        self.versions = [version for version in self.versions if version.revision <= revision]
        self.pods = {}
        for pod, deleted in self.changes:
            self.pods.pop(pod.name, None)
            if not deleted:
                self.pods[pod.name] = pod
        self.revision = revision

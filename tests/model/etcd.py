"""Etcd as the protocol knows it: one order of revisions, pods, nodes, and one object changed by compare-and-swap."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from webhook.core.ledger.info import PodInfo


class Change(NamedTuple):
    """One event of the pods' watch."""

    pod: PodInfo
    deleted: bool = False


class Version(NamedTuple):
    """The shared object at one revision; no text: it was deleted."""

    revision: int
    text: str | None


class Rooms(NamedTuple):
    """The memory of the two nodes, and with it every bound; the second node makes up the pool."""

    common: int
    pool: int


@dataclass
class Etcd:
    """What is true. Views are prefixes of `changes`, `versions` and `rooms`."""

    rooms: list[Rooms]
    revision: int = 100
    pods: dict[str, PodInfo] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    marked: bool = False

    # -- pods ----------------------------------------------------------------------------------------------------------

    def put(self, pod: PodInfo) -> None:
        """Create a pod, or change the one that has this name."""
        self.revision += 1
        self.pods[pod.name] = replace(pod, revision=self.revision)
        self.changes.append(Change(self.pods[pod.name]))

    def delete(self, name: str) -> None:
        """Delete a pod; its last state is told with the revision of the deletion."""
        self.revision += 1
        self.changes.append(Change(replace(self.pods.pop(name), revision=self.revision), deleted=True))

    def changes_after(self, revision: int) -> list[Change]:
        """What a watch that begins at a revision tells, be it one that is yet to come."""
        return self.changes[bisect_right(self.changes, revision, key=lambda change: change.pod.revision) :]

    # -- the shared object ---------------------------------------------------------------------------------------------

    def read(self) -> Version:
        """Read the shared object; revision 0: there is none."""
        last = self.versions[-1] if self.versions else Version(0, None)
        return last if last.text is not None else Version(0, None)

    def swap(self, text: str, expected: int) -> int | None:
        """Write the object if it still has this revision (0: if there is none); None: it has not."""
        if self.read().revision != expected:
            return None
        return self.force(text)

    def force(self, text: str | None) -> int:
        """Write or delete the object whatever it is, as an administrator can."""
        self.revision += 1
        self.versions.append(Version(self.revision, text))
        return self.revision

    def versions_after(self, revision: int) -> list[Version]:
        """The same of the shared object."""
        return self.versions[bisect_right(self.versions, revision, key=lambda version: version.revision) :]

    # -- history -------------------------------------------------------------------------------------------------------

    def put_back(self, revision: int) -> None:
        """Be what it was at a revision; all that came after it never happened. Nodes and the mark stay."""
        self.changes = [change for change in self.changes if change.pod.revision <= revision]
        self.versions = [version for version in self.versions if version.revision <= revision]
        self.pods = {}
        for pod, deleted in self.changes:
            self.pods.pop(pod.name, None)
            if not deleted:
                self.pods[pod.name] = pod
        self.revision = revision

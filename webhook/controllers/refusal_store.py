"""The ConfigMap in which replicas tell each other what they refused: one key for each replica, changed by that alone.

A replica writes only its own key, by a merge patch, so replicas never conflict. Only who takes over the key of a
replica that has ended names the revision that it has seen, so that one replica does it.
"""

from collections.abc import Mapping

from webhook.kube.configmaps import ConfigMaps
from webhook.kube.stream import Conflict, NotFound

NAME = "headroom-refusals"


class RefusalStore:
    """Writes the ConfigMap; every call may raise `KubeError`."""

    def __init__(self, configmaps: ConfigMaps) -> None:
        self._configmaps = configmaps

    def write(self, replica: str, text: str | None) -> None:
        """Write a replica's own key, or remove it (None); the ConfigMap is created where it is missing."""
        try:
            self._configmaps.patch(NAME, {replica: text})
        except NotFound:
            if text is not None:
                self._create(replica, text)

    def _create(self, replica: str, text: str) -> None:
        try:
            self._configmaps.create(NAME, {replica: text})
        except Conflict:  # another replica was first
            self._configmaps.patch(NAME, {replica: text})

    def take_over(self, ended: str, replica: str, text: str | None, revision: int) -> None:
        """Write a replica's own key and remove that of one that has ended, in one step.

        Raises `Conflict` if the ConfigMap has changed since `revision`.
        """
        data: Mapping[str, str | None] = {ended: None, replica: text}
        self._configmaps.patch(NAME, data, revision)

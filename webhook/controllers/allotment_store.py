"""The shared object: a ConfigMap with what each replica has booked, and a second one as a mark that it once existed."""

import logging

from webhook.core.sharing import shared_state as shared
from webhook.core.sharing.shared_state import Shared, SharedError
from webhook.core.sharing.size import LARGEST
from webhook.kube.configmaps import ConfigMap, ConfigMaps
from webhook.kube.stream import Conflict, KubeError

log = logging.getLogger(__name__)

NAME = "headroom-allotments"
_MADE = "headroom-allotments-made"  # the mark: if it exists but the object does not, then the object was lost
_KEY = "state.json"


def state(found: ConfigMap) -> Shared:
    """Read the shared state from its ConfigMap; raises `SharedError` and `NewerVersionError`."""
    return shared.read(found.data.get(_KEY, ""))


class TooLarge(KubeError):  # noqa: N818 - named like a status of HTTP, as `Conflict` and `NotFound` are
    """The shared state would exceed its largest size; nothing was written."""


class AllotmentStore:
    """Reads and writes the shared object; every call to the API may raise `KubeError`.

    It takes at most its `timeout` in seconds; None stands for the usual one.
    """

    def __init__(self, configmaps: ConfigMaps) -> None:
        self._configmaps = configmaps

    def find(self, timeout: float | None = None) -> tuple[Shared | None, int]:
        """Read the object past all caches; return its state and revision.

        The state is None if the object is damaged, and also if there is no object; then the revision is 0. Raises
        `NewerVersionError`.
        """
        found = self._configmaps.get(NAME, timeout)
        if found is None:
            return None, 0
        try:
            return state(found), found.revision
        except SharedError as error:
            log.error("%s is damaged and is created again: %s", NAME, error)  # noqa: TRY400 - a sentence is enough
            return None, found.revision

    def mark(self, timeout: float | None = None) -> bool:
        """Create the mark before the object is created; False if the mark exists already."""
        try:
            self._configmaps.create(_MADE, {}, timeout)
        except Conflict:
            return False
        return True

    def write(self, proposed: Shared, revision: int, timeout: float | None = None) -> int:
        """Replace the state at `revision`, or create the object (0); return the new revision.

        Raises `Conflict` or `NotFound` if another writer came first, and `TooLarge`, in which case nothing is sent.
        """
        text = shared.write(proposed)
        if len(text) > LARGEST:
            raise TooLarge(
                f"{len(proposed.holdings)} replicas would write {len(text):,} bytes, and {LARGEST:,} are allowed: "
                "run fewer replicas, or configure fewer pools"
            )
        data = {_KEY: text}
        if revision:
            return self._configmaps.replace(NAME, data, revision, timeout)
        return self._configmaps.create(NAME, data, timeout)

"""Escrow: the object in the cluster that says what each replica has booked, and the mark that it was there once."""

import logging

from webhook.core.sharing import shared_state as shared
from webhook.core.sharing.shared_state import Shared, SharedError
from webhook.core.sharing.size import LARGEST
from webhook.kube.configmaps import ConfigMap, ConfigMaps
from webhook.kube.stream import Conflict, KubeError

log = logging.getLogger(__name__)

NAME = "headroom-allotments"
_MADE = "headroom-allotments-made"  # if there is this, but not the object, then that was lost
_KEY = "state.json"


def state(found: ConfigMap) -> Shared:
    """Read what the object holds; raises `SharedError` and `NewerVersionError`."""
    return shared.read(found.data.get(_KEY, ""))


class TooLarge(KubeError):  # noqa: N818 - it carries the words of HTTP, as its siblings do
    """The state would be larger than it may become; nothing was written."""


class AllotmentStore:
    """Reads and writes the object; every call raises `KubeError`."""

    def __init__(self, configmaps: ConfigMaps) -> None:
        self._configmaps = configmaps

    def find(self) -> tuple[Shared | None, int]:
        """Return the state and its revision: none and 0 where there is no object, none where it is damaged.

        Raises `NewerVersionError`.
        """
        found = self._configmaps.get(NAME)
        if found is None:
            return None, 0
        try:
            return state(found), found.revision
        except SharedError as error:
            log.error("%s is damaged and is made anew: %s", NAME, error)  # noqa: TRY400 - a sentence is enough
            return None, found.revision

    def mark(self) -> bool:
        """Leave a mark that the object is about to be made; say whether there was none before."""
        try:
            self._configmaps.create(_MADE, {})
        except Conflict:
            return False
        return True

    def write(self, proposed: Shared, revision: int) -> int:
        """Replace the state of a revision, or make the object (0); return the new revision.

        Raises `Conflict` or `NotFound` where another was quicker, and `TooLarge` where nothing is sent.
        """
        text = shared.write(proposed)
        if len(text) > LARGEST:
            raise TooLarge(
                f"{len(proposed.holdings)} replicas would write {len(text):,} bytes, and {LARGEST:,} are allowed: "
                "run fewer replicas, or configure fewer pools"
            )
        data = {_KEY: text}
        return self._configmaps.replace(NAME, data, revision) if revision else self._configmaps.create(NAME, data)

    def hurry(self, timeout: float) -> None:
        """From now on each call may take only so many seconds."""
        self._configmaps.timeout = timeout

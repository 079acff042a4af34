"""Versions: which version the API server has, and so by which rules pods are counted.

It is asked now and then, each time over a new connection, which a load balancer may lead to another of its replicas;
soon after a watch has broken, for then the API server may have been replaced; and never in a review's way. Where an
upgrade goes from replica to replica the answers alternate: what was seen in the last minutes is in force together.
"""

import logging
from collections.abc import Callable
from threading import Event

import msgspec

from webhook.core.pods.rules import NEWEST, RULE_SETS, Chosen, VersionError, chosen, names
from webhook.core.pods.sightings import Sightings
from webhook.kube.client import Api
from webhook.kube.stream import ApiError, KubeError
from webhook.state.cluster_state import ClusterState

log = logging.getLogger(__name__)

PATH = "/version"
_EVERY = 10.0  # seconds
_SOON = 1.0  # while it is not known, and for the first looks, since the replicas of the API server may differ
_FIRST_LOOKS = 10
_TIMEOUT = 5.0


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


class Versions:
    """Has the account count pods by the API server's rules; `run` belongs to one thread."""

    def __init__(self, api: Api, state: ClusterState, list_pods: Callable[[], None], stop: Event) -> None:
        self._api = api  # with connections of its own
        self._state = state
        self._list_pods = list_pods
        self._stop = stop
        self._sightings = Sightings()
        self._looks = 0
        self._logged = ""
        self.unknown = False  # whether the API server is of a version that is newer than all rules here, or says none
        state.lack_version("the version of the API server has not been read yet")

    def run(self) -> None:
        """Look until stopped; never raises."""
        while not self._stop.is_set():
            self._state.version_due.wait(_SOON if self._looks < _FIRST_LOOKS else _EVERY)
            self._state.version_due.clear()
            if not self._stop.is_set():
                self.look()

    def look(self) -> None:
        """Ask for the version once, and count by what is known then."""
        try:
            found = self._ask()
        except ApiError as error:
            if error.status >= 500 or error.status == 429:
                self._failed(error)
                return
            found = Chosen(NEWEST[-1], is_newer=True)
            self._tell(f"the API server does not tell its version ({error})", found)
        except KubeError as error:
            self._failed(error)
            return
        except Exception:
            log.exception("the version of the API server could not be read")
            return
        finally:
            self._api.close()  # so that the next look may reach another replica
        self._looks += 1
        self._count(found)

    def _ask(self) -> Chosen:
        body = self._api.get(PATH, timeout=_TIMEOUT).body
        try:
            version = msgspec.json.decode(body, type=_Version).git_version
            found = chosen(version)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, VersionError) as error:
            found = Chosen(RULE_SETS[-1], is_newer=True)
            self._tell(f"the version of the API server cannot be read ({error})", found)
            return found
        if found.is_newer:
            self._tell(f"the API server is {version}, which is newer than this Headroom knows", found)
        return found

    def _tell(self, what: str, found: Chosen) -> None:
        """Say once what is wrong, not at every look."""
        if what != self._logged:
            self._logged = what
            log.warning("%s: pods are counted by the rules of Kubernetes %s", what, found.rule_set.version)

    def _failed(self, error: KubeError) -> None:
        self._looks = 0  # until it answers again, and may be another one
        self._stop.wait(_SOON)
        log.debug("the version of the API server could not be asked for: %s", error)

    def _count(self, found: Chosen) -> None:
        self.unknown = found.is_newer
        rules = self._sightings.see(found.rule_set, self._state.clock())
        first, known = self._state.readiness.version_problem is not None, self._state.basis.rules
        if self._state.count_by(rules):
            log.info("pods are counted by the rules of Kubernetes %s, no longer of %s", names(rules), names(known))
            self._list_pods()
        elif first:
            log.info("pods are counted by the rules of Kubernetes %s", names(rules))

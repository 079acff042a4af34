"""The gate's probe: once a minute, the holder of the Lease has the API server ask Headroom about a pod.

A replica can be ready and yet out of the API server's reach: behind a firewall, a network policy, or a proxy that leads
astray. Nothing in the cluster shows that but creates that fail. So a pod is created as a dry run, which stores nothing,
in the way of a user's create. The result is told by a metric, an Event and the log, and never by readiness: where the
way to one replica is blocked, taking out the others would not help.

The pod goes to a namespace of its own. RBAC cannot limit a create to dry runs; what could be stored there is a pod that
the strictest Pod Security level lets in, under a service account without rights.
"""

import json
import logging
from collections.abc import Callable
from threading import Event
from typing import Any, Final

from webhook.core.events.aggregator import Occurrence
from webhook.core.events.reference import Reference
from webhook.core.values.domain import DOMAIN
from webhook.kube.client import Api
from webhook.kube.stream import ApiError, KubeError
from webhook.state.configuration import NAME as CONFIG

log = logging.getLogger(__name__)

NAMESPACE: Final = "headroom-probe"
_EVERY = 60.0  # seconds
_FIRST = 5.0  # seconds, while this replica does not hold the Lease
_TIMEOUT = 10.0  # seconds; the API server gives the webhook 5
_WEBHOOK = f'"pods.{DOMAIN}"'
_NOT_CALLED = "failed calling webhook "  # how the API server begins: the name of the webhook follows
_ANSWERED = "admission webhook "
_LOST = "the API server does not reach Headroom, so no pod can be created where Headroom is asked"
_BACK = "the API server reaches Headroom again"


class GateProbe:
    """Probes while `held` says that this replica holds the Lease; `run` needs a thread of its own.

    `gate_closed` says whether pods are refused while Headroom is not reached. `announce` is called with (whether it is
    reached, text) when it is found not to be, and when it is again. Any thread may read `reachable`: whether the API
    server has got an answer from Headroom; None: not known here.
    """

    def __init__(
        self,
        api: Api,
        held: Callable[[], bool],
        gate_closed: Callable[[], bool],
        stop: Event,
        announce: Callable[[bool, str], None],
    ) -> None:
        self._api, self._held, self._gate_closed, self._stop = api, held, gate_closed, stop
        self._announce = announce
        self._lost = False
        self._unknown = ""  # why the last probe told nothing
        self.reachable: bool | None = None

    def run(self) -> None:
        """Probe until stopped; never raises."""
        pause = _FIRST
        while not self._stop.wait(pause):
            pause = _EVERY if self._held() else _FIRST
            try:
                self.look()
            except Exception:
                self.reachable = None
                log.exception("the gate could not be probed")

    def look(self) -> None:
        """Probe once, if this replica holds the Lease and there is a gate that can hold up pods."""
        if not self._held() or not self._gate_closed():
            self.reachable, self._lost = None, False
            return
        self.reachable, text = self._probe()
        if self.reachable is None:
            self._tell_unknown(text)
        else:
            self._tell(self.reachable, text)

    def _probe(self) -> tuple[bool | None, str]:
        try:
            self._api.create(f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", _POD, _TIMEOUT)
        except ApiError as error:
            return _reached(str(error)), str(error)
        except KubeError as error:
            return None, str(error)
        return True, ""

    def _tell(self, reachable: bool, text: str) -> None:
        self._unknown = ""
        if reachable is not self._lost:
            return
        self._lost = not reachable
        if self._lost:
            log.error("%s: %s", _LOST, text)
        else:
            log.info(_BACK)
        self._announce(reachable, _BACK if reachable else f"{_LOST}: {text}")

    def _tell_unknown(self, text: str) -> None:
        if text != self._unknown:
            self._unknown = text
            log.warning("it is not known whether the API server reaches Headroom, because the probe failed: %s", text)


def occurrence(reachable: bool, text: str, namespace: str, uid: str) -> Occurrence | None:
    """Return the Event with this text about Headroom's ConfigMap; None if there is no ConfigMap (`uid` is empty)."""
    if not uid:
        return None
    kind, reason = ("Normal", "GateReachable") if reachable else ("Warning", "GateUnreachable")
    return Occurrence(Reference("v1", "ConfigMap", namespace, CONFIG, uid), kind, reason, "ProbeGate", text)


def _reached(text: str) -> bool | None:
    """Say whether Headroom was reached, by what the API server says of a create that it refused; None: not known."""
    if _NOT_CALLED + _WEBHOOK in text:
        return False
    return True if _ANSWERED + _WEBHOOK in text else None


def _pod() -> dict[str, Any]:
    """Return a pod that asks for nothing, and that the strictest Pod Security level lets in."""
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "none", "image": "none", "securityContext": restricted}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "headroom-probe-", "labels": {"app.kubernetes.io/name": "headroom-probe"}},
        "spec": {"automountServiceAccountToken": False, "containers": [container]},
    }


_POD = json.dumps(_pod()).encode()

"""One replica's admission and cluster state in this process: all that a review passes through, except the network."""

import os
from collections.abc import Callable, Iterable
from io import BufferedWriter
from pathlib import Path
from typing import cast

from prometheus_client import CollectorRegistry

from benchmarks.load import DATA
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.pods import PodAdmission
from webhook.controllers import watches as watching
from webhook.core.config.parse import parse
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.sharing.allotment import Timing
from webhook.http.messages import Response
from webhook.kube.client import Api
from webhook.manager import clock
from webhook.observability import metrics
from webhook.observability.audit_log import AuditLog
from webhook.state.cluster_state import ClusterState
from webhook.watch.decoder import Decoder
from webhook.watch.events import WatchEvent

CONFIG = """apiVersion: headroom.internal/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 75%, limits: 100%}}
"""


class Bodies:
    """Recorded bodies of requests and lists, with names and revisions filled in."""

    def __init__(self) -> None:
        self._review, self._pod, self._node = (
            (DATA / f"{name}.json").read_text().strip() for name in ("review", "pod", "node")
        )

    def review(self, name: str) -> bytes:
        """Make an AdmissionReview of a new pod."""
        filled = self._review.replace("@NAME@", name).replace("@POD@", f"{name}-pod")
        return filled.replace("@UID@", f"{name}-review").encode()

    def pod(self, name: str, revision: int, *, namespace: str = "default", node: str = "", uid: str = "") -> str:
        """Make a pod as it stands in a list."""
        filled = self._pod.replace("@NAMESPACE@", namespace).replace("@NAME@", name).replace("@NODE@", node)
        return filled.replace("@UID@", uid or f"{name}-pod").replace("@REVISION@", str(revision))

    def node(self, number: int, revision: int, memory: str = "64Gi") -> str:
        """Make a node as it stands in a list."""
        filled = self._node.replace("@NAME@", f"node-{number}").replace("@REVISION@", str(revision))
        return filled.replace('"memory":"64Gi"', f'"memory":"{memory}"')

    @staticmethod
    def event(change: str, kind: str, item: str) -> bytes:
        """Make a line of a watch."""
        return f'{{"type":"{change}","object":{{"kind":"{kind}","apiVersion":"v1",{item[1:]}}}'.encode()

    @staticmethod
    def page(items: Iterable[str], revision: int) -> bytes:
        """Make a list."""
        head = f'{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"{revision}"}},"items":['
        return (head + ",".join(items) + "]}").encode()


class Synced:
    """An admission whose views are in sync, with metrics, and with an audit log that writes to /dev/null."""

    def __init__(self, pods: int, nodes: int) -> None:
        self.bodies = Bodies()
        self.registry = CollectorRegistry(auto_describe=False)
        self.reviews = metrics.Reviews(self.registry)
        self._nowhere: BufferedWriter = Path(os.devnull).open("wb")  # noqa: SIM115 - `close` closes it
        self.audit = AuditLog("bench", clock, None, self._nowhere)
        self._timing, self._ahead = Timing(), 0.0
        self.admission = PodAdmission(ClusterState("bench", self._timing, self._clock), self._observe)
        self.pods_wire, self.nodes_wire = Decoder(watching.PODS), Decoder(watching.NODES)
        # The reflectors never run: only their `deliver` functions are used here.
        api = cast("Api", None)
        self.see_pods: Callable[[WatchEvent[PodInfo]], None] = watching.watch_pods(api, self.admission.state)._deliver
        self.see_nodes: Callable[[WatchEvent[NodeInfo]], None] = watching.watch_nodes(
            api, self.admission.state
        )._deliver
        self.revision = 0
        self.admission.state.configure(parse(CONFIG), "bench")
        self._sync(pods, nodes)
        self.book()

    def close(self) -> None:
        """Close the file."""
        self._nowhere.close()

    def _observe(self, decided: DecisionRecord) -> None:
        self.reviews.record(decided)
        self.audit.record(decided)

    def _sync(self, pods: int, nodes: int) -> None:
        listed = self.bodies.page((self.bodies.node(n, n) for n in range(1, nodes + 1)), nodes)
        self.admission.state.relist_nodes(self.nodes_wire.page(listed).objects)
        infos = []
        for first in range(0, pods, 500):
            page = self.bodies.page((self.old_pod(n, n, nodes) for n in range(first, min(first + 500, pods))), pods)
            infos += self.pods_wire.page(page).objects
        self.admission.state.relist_pods(infos, pods)
        self.revision = pods

    def old_pod(self, number: int, revision: int, nodes: int) -> str:
        """Make one of the pods that exist from the start."""
        namespace, node = f"team-{number % 50}", f"node-{number % nodes + 1}"
        return self.bodies.pod(f"web-{number}", revision, namespace=namespace, node=node)

    def _clock(self) -> float:
        return clock() + self._ahead

    def book(self) -> None:
        """Let the next write become due, and write it as the allotment controller does; it retires what was seen."""
        self._ahead += self._timing.renew
        for _ in range(10):
            proposed = self.admission.state.bookings.next_proposal("epoch", fresh=True, may_write=True)
            if proposed is None:
                return
            proposal, revision = proposed
            self.admission.state.bookings.written(proposal, revision + 1)
        raise RuntimeError("the booking comes to no end")

    def ask(self, body: bytes) -> bytes:
        """Answer a review as the dispatcher does; raises RuntimeError if the review has to wait."""
        answer = self.admission.review(body, 10.0)
        if not isinstance(answer, Response) or answer.status != 200:
            raise RuntimeError(f"no answer at once: {answer}")
        return answer.body

    def take(self, line: bytes) -> None:
        """Process a line of the watch of pods, as the watch's thread does."""
        self.see_pods(self.pods_wire.event(line))

    def write_audit_line(self) -> None:
        """Do the work of the audit log's thread for one queued line; raises RuntimeError if no line is written."""
        queued = self.audit._queue.get_nowait()
        if queued is None or not self.audit._write(self.audit._whole(queued)):
            raise RuntimeError("no audit line was written")

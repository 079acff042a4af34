"""Builders of workloads with few arguments, and the pods of a workload as the ledger sees them."""

import json
from typing import Any

from tests.support.accounts import config, node
from webhook.core.api.types import Pod
from webhook.core.api.workloads import Workload, read_workload
from webhook.core.config.types import Mode
from webhook.core.ledger.info import pod_info
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.rules import AccountingRules
from webhook.core.reviews.verdict import judge

Json = dict[str, Any]
MI = 1 << 20


def template(memory: int = 512, limit: int | None = None, image: str = "a", **spec: Any) -> Json:
    """Make a pod template with one container that requests `memory` Mi, with the same limit unless `limit` is given."""
    resources = {"requests": {"memory": f"{memory}Mi"}, "limits": {"memory": f"{limit or memory}Mi"}}
    return {"spec": {"containers": [{"name": "app", "image": image, "resources": resources}], **spec}}


def workload(replicas: int = 1, of: Json | None = None, status: Json | None = None, **spec: Any) -> Workload:
    """Make a workload; in `status`, all replicas count as up to date unless it says otherwise."""
    said = {"updatedReplicas": status["replicas"]} | status if status and "replicas" in status else status or {}
    whole = {"spec": {"replicas": replicas, "template": of or template(), **spec}, "status": said}
    return read_workload(json.dumps(whole).encode())


def ledger_of(memory: int, settings: str = "") -> Ledger:
    """Make a ledger with room for `memory` Mi of requests."""
    of = Ledger(AccountingRules(config(f"warnAt: 100%\n{settings}")))
    of.relist_nodes([node("a", memory / 1024)], 0.0)
    return of


class Pods:
    """The pods of one workload; each is created only if the pod webhook admits it."""

    def __init__(self, of: Ledger, pod: Pod, name: str) -> None:
        self._of, self._pod, self._name = of, pod, name
        self.alive = 0
        self.refused = 0

    def come(self, wanted: int) -> None:
        """Create pods one by one until `wanted` of them live, or one is refused."""
        while self.alive < wanted:
            info = pod_info(self._pod, f"default/{self._name}-{self.alive}", f"{self._name}-{self.alive}")
            if not judge(self._of, info, Mode.ENFORCE).allowed:
                self.refused += 1
                return
            self._of.see(info)
            self.alive += 1

    def go(self, left: int) -> None:
        """Delete pods until `left` of them live."""
        while self.alive > left:
            self.alive -= 1
            self._of.gone(pod_info(self._pod, f"default/{self._name}-{self.alive}", f"{self._name}-{self.alive}"))

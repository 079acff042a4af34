"""Workloads for tests, by the few words that matter, and their pods as the account sees them."""

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
    """Make a template of one container that asks for so many Mi and is limited to them, or to `limit`."""
    resources = {"requests": {"memory": f"{memory}Mi"}, "limits": {"memory": f"{limit or memory}Mi"}}
    return {"spec": {"containers": [{"name": "app", "image": image, "resources": resources}], **spec}}


def workload(replicas: int = 1, of: Json | None = None, status: Json | None = None, **spec: Any) -> Workload:
    """Make a workload; `status` is what its controller says, of pods that are up to date unless it says else."""
    said = {"updatedReplicas": status["replicas"]} | status if status and "replicas" in status else status or {}
    whole = {"spec": {"replicas": replicas, "template": of or template(), **spec}, "status": said}
    return read_workload(json.dumps(whole).encode())


def account(memory: int, settings: str = "") -> Ledger:
    """Make a ledger with room for so many Mi of requests."""
    of = Ledger(AccountingRules(config(f"warnAt: 100%\n{settings}")))
    of.relist_nodes([node("a", memory / 1024)], 0.0)
    return of


class Pods:
    """The pods of one workload, which come as far as the pod webhook lets them in."""

    def __init__(self, of: Ledger, pod: Pod, name: str) -> None:
        self._of, self._pod, self._name = of, pod, name
        self.alive = 0
        self.refused = 0

    def come(self, wanted: int) -> None:
        """Make them one by one until there are so many, or one is refused."""
        while self.alive < wanted:
            facts = pod_info(self._pod, f"default/{self._name}-{self.alive}", f"{self._name}-{self.alive}")
            if not judge(self._of, facts, Mode.ENFORCE).allowed:
                self.refused += 1
                return
            self._of.see(facts)
            self.alive += 1

    def go(self, left: int) -> None:
        """Delete until so many are left."""
        while self.alive > left:
            self.alive -= 1
            self._of.gone(pod_info(self._pod, f"default/{self._name}-{self.alive}", f"{self._name}-{self.alive}"))

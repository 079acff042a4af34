"""Reports of a ledger, and pods that differ in what only reports tell apart."""

from msgspec import structs

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.traits import Traits
from webhook.core.reporting.report import Circumstances, Report


def report(of: Ledger, said: Circumstances | None = None) -> Report:
    return Report(of.account(0.0), said or Circumstances())


def owned(of: PodInfo, kind: str, name: str, unbounded: int = 0) -> PodInfo:
    return structs.replace(of, traits=Traits((kind, name), unbounded))


def in_namespace(of: PodInfo, namespace: str) -> PodInfo:
    return structs.replace(of, name=f"{namespace}/{of.name.partition('/')[2]}")

"""docs/metrics.md has every family that a replica exports, as the code says it.

`python -m tests.unit.observability.test_metrics_docs` writes its table anew.
"""

import tempfile
from pathlib import Path
from threading import Event

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.accounts import pod
from tests.support.metered import ALL_BOUNDED, metered
from tests.support.replica import ready, response, review
from tests.unit.core.quotas.making import a_quota
from webhook.admission.workloads import WorkloadAdmission
from webhook.controllers.certificate_rotation import State
from webhook.controllers.versions import Versions
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.pods.rules import NEWEST
from webhook.observability.certificate_metrics import CertificateCollector
from webhook.observability.metrics import EarlyAnswers, over_replicas
from webhook.observability.state_metrics import KubernetesRules

DOC = Path(__file__).parents[3] / "docs" / "metrics.md"
BEGIN, END = "<!-- metrics: begin -->\n", "<!-- metrics: end -->\n"
POOLS = "pools: [{name: large, nodeSelector: {pool: large}}, {name: old, nodeSelector: {zone: a}}]"


def families() -> list[Metric]:
    """Scrape a replica of which every family has a sample."""
    judge = ready(f"{POOLS}\n{ALL_BOUNDED}")
    labels = (("pool", "large"), ("zone", "a"))
    judge.admission.state.see_node(NodeInfo("both", Allocatable(1, 1), True, labels=labels))
    judge.admission.state.see_pod(pod("a", 1, "both", revision=101))
    judge.admission.quotas.relist([a_quota()])
    with tempfile.TemporaryDirectory() as folder:
        found = metered(judge, Path(folder))
        early, state = EarlyAnswers(found.registry), judge.admission.state
        found.registry.register(KubernetesRules(state, Versions(found.api, state, lambda: None, Event())))
        rotation = State("steady", 1.0, 1.0, holds_lease=True)
        found.registry.register(CertificateCollector(lambda: rotation))
        state.count_by(NEWEST)
        judge.book()
        response(judge.ask(review(namespace="other", object=None, operation="DELETE")))
        WorkloadAdmission(judge.admission.state, lambda *_: b"", early.record, early.record).review(review(), 1.0)
        return list(text_string_to_metric_families(found.text()))


def table() -> str:
    rows = ["| Metric | Type | Labels | Over replicas | Meaning |", "| --- | --- | --- | --- | --- |"]
    for family in sorted(families(), key=lambda each: each.name):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        said, how = ", ".join(f"`{label}`" for label in labels), over_replicas(family.name, family.type)
        rows.append(f"| `{name}` | {family.type} | {said} | {how} | {family.documentation} |")
    return "\n".join(rows) + "\n"


def with_table(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def test_the_document_has_every_metric_as_the_code_says_it() -> None:
    assert DOC.read_text() == with_table(DOC.read_text()), "run: python -m tests.unit.observability.test_metrics_docs"


def test_no_series_says_when_it_began() -> None:
    assert not [sample.name for family in families() for sample in family.samples if sample.name.endswith("_created")]


if __name__ == "__main__":
    DOC.write_text(with_table(DOC.read_text()))

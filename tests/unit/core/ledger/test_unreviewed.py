"""Why nobody reviewed a pod, as far as one replica can know."""

from pathlib import Path

import pytest
import yaml

from webhook.core.ledger.entry import Entry
from webhook.core.ledger.traits import BARE, Traits
from webhook.core.ledger.unreviewed import BEFORE, EXCLUDED, EXCLUDED_NAMESPACES, STATIC, why_unreviewed
from webhook.core.values.amounts import NOTHING

MANIFEST = Path(__file__).parents[4] / "manifests" / "base" / "webhook.yaml"
EARLY, BIRTH, LATE = "2026-11-29T23:59:59Z", "2026-11-30T00:00:00Z", "2026-11-30T00:00:01Z"


def entry(created: str = LATE, *, static: bool = False) -> Entry:
    return Entry("u", NOTHING, "n", (), Traits(BARE, 0, static), created)


@pytest.mark.parametrize(
    ("namespace", "pod", "birth", "why"),
    [
        ("shop", entry(), BIRTH, None),
        ("shop", entry(BIRTH), BIRTH, None),  # within one second, nobody knows which came first
        ("shop", entry(EARLY), BIRTH, BEFORE),
        ("shop", entry(EARLY), "", None),
        ("shop", entry(""), BIRTH, None),
        ("kube-system", entry(EARLY), BIRTH, EXCLUDED),
        ("headroom-system", entry(), BIRTH, EXCLUDED),
        ("kube-system", entry(static=True), BIRTH, STATIC),
        ("shop", entry(EARLY, static=True), BIRTH, STATIC),
    ],
)
def test_the_first_reason_that_holds_is_said(namespace: str, pod: Entry, birth: str, why: str | None) -> None:
    assert why_unreviewed(namespace, pod, birth) == why


def test_the_excluded_namespaces_are_those_of_the_webhook_for_pods() -> None:
    (manifest,) = yaml.safe_load_all(MANIFEST.read_text())
    (webhook,) = [each for each in manifest["webhooks"] if each["name"] == "pods.headroom.internal"]
    assert webhook["namespaceSelector"] == {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "headroom-system"]}
        ]
    }
    assert set(webhook["namespaceSelector"]["matchExpressions"][0]["values"]) == EXCLUDED_NAMESPACES

"""Pod templates are found in objects of kinds that nobody here knows."""

from typing import Any

import pytest

from tests.unit.core.manifests.objects import APP, TEMPLATE, counted, found, manifest, one
from webhook.core.manifests.guess import templates
from webhook.core.manifests.manifest import Other
from webhook.core.manifests.output import data, reasons

ROLLOUT = manifest("Rollout", {**TEMPLATE, "replicas": 5}, "argoproj.io/v1alpha1")
JOB_SET = manifest(
    "JobSet",
    {
        "replicatedJobs": [
            {"name": "leader", "template": {"spec": TEMPLATE}},
            {"name": "workers", "replicas": 2, "template": {"spec": {"parallelism": 4, **TEMPLATE}}},
        ]
    },
    "jobset.x-k8s.io/v1alpha2",
)


def test_a_rollout_counts_as_a_deployment_would() -> None:
    holding = one(ROLLOUT, guess=True)
    assert (holding.kind, holding.replicas, holding.guessed_at) == ("Rollout", 5, "spec.template")
    assert data([holding])[0]["guessedAt"] == "spec.template"
    assert reasons(holding)[-1] == "  guessed: its pods are taken to be of the template at spec.template"


def test_the_numbers_on_the_way_to_a_template_are_multiplied() -> None:
    both = counted(JOB_SET, guess=True).holdings
    assert [(each.replicas, each.guessed_at) for each in both] == [
        (1, "spec.replicatedJobs[0].template.spec.template"),
        (8, "spec.replicatedJobs[1].template.spec.template"),
    ]


@pytest.mark.parametrize("value", [ROLLOUT, JOB_SET])
def test_nothing_is_guessed_unless_it_is_asked_for(value: dict[str, Any]) -> None:
    (other,) = found(value)
    assert isinstance(other, Other)
    assert not other.commits_nothing


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"template": {"spec": {"containers": []}}},
        {"template": {"spec": {"containers": ["app"]}}},
        {"template": {"containers": [APP]}},
    ],
)
def test_what_does_not_look_like_a_template_is_left(spec: dict[str, Any]) -> None:
    assert found(manifest("Thing", spec, "example.com/v1"), guess=True) == [Other("Thing", "example.com")]


def test_a_template_in_a_status_or_deeper_than_anybody_nests_is_not_looked_for() -> None:
    template: Any = TEMPLATE
    assert [*templates({"status": template, "metadata": template})] == []
    value: Any = template
    for _ in range(100):
        value = {"in": value}
    assert [*templates(value)] == []

"""Words: the messages of a quota are those of Kubernetes to the letter, because other programs look for them."""

from webhook.core.quotas.amount import amount
from webhook.core.quotas.words import exceeded, must_specify, status_unknown, unusable


def test_exceeded_names_all_three_lists_in_the_order_of_the_alphabet() -> None:
    requested = {"pods": amount("1"), "limits.memory": amount("2Gi")}
    used = {"pods": amount("2"), "limits.memory": amount("1536Mi")}
    hard = {"limits.memory": amount("3Gi"), "pods": amount("2")}
    assert exceeded("compute", requested, used, hard) == (
        "exceeded quota: compute, requested: limits.memory=2Gi,pods=1, used: limits.memory=1536Mi,pods=2, "
        "limited: limits.memory=3Gi,pods=2"
    )


def test_must_specify_names_each_container_once() -> None:
    missing = {"requests.memory": ["b", "a", "b"], "limits.cpu": ("c",)}
    assert must_specify("compute", missing) == (
        "failed quota: compute: must specify limits.cpu for: c; requests.memory for: a,b"
    )


def test_status_unknown_names_the_resources() -> None:
    assert status_unknown("compute", ["pods", "limits.cpu"]) == (
        "status unknown for quota: compute, resources: limits.cpu,pods"
    )


def test_unusable_ends_with_the_fault() -> None:
    assert unusable("compute", "it is odd") == "error matching scopes of quota compute, err: it is odd"

"""Words: the messages of a quota, exactly as Kubernetes writes them.

Other programs look for these messages in errors, and wait when they find them: argo-workflows and gitlab-runner, for
example.
Source: `CheckRequest` and `prettyPrint` of k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, and
`Constraints` of k8s.io/kubernetes/pkg/quota/v1/evaluator/core/pods.go.
"""

from collections.abc import Iterable, Mapping

from webhook.core.quotas.amount import Amount


def exceeded(
    quota: str, requested: Mapping[str, Amount], used: Mapping[str, Amount], hard: Mapping[str, Amount]
) -> str:
    """Say that a pod would take usage past the hard limit."""
    return f"exceeded quota: {quota}, requested: {_list(requested)}, used: {_list(used)}, limited: {_list(hard)}"


def must_specify(quota: str, missing: Mapping[str, Iterable[str]]) -> str:
    """Say which resources are missing in which containers."""
    lines = [f"{name} for: {','.join(sorted(set(missing[name])))}" for name in sorted(missing)]
    return f"failed quota: {quota}: must specify {'; '.join(lines)}"


def status_unknown(quota: str, names: Iterable[str]) -> str:
    """Say that the quota's usage was not calculated yet."""
    return f"status unknown for quota: {quota}, resources: {','.join(sorted(names))}"


def unusable(quota: str, fault: str) -> str:
    """Say that Kubernetes cannot tell which pods a quota covers; after "err:", Kubernetes has Go's own wording."""
    return f"error matching scopes of quota {quota}, err: {fault}"


def _list(amounts: Mapping[str, Amount]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))

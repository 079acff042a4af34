"""Words: what a quota says, to the letter as Kubernetes has it.

Others look for these sentences in errors, and wait when they find them: argo-workflows and gitlab-runner, for two.
Source: `CheckRequest` and `prettyPrint` of k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, and
`Constraints` of k8s.io/kubernetes/pkg/quota/v1/evaluator/core/pods.go.
"""

from collections.abc import Iterable, Mapping

from webhook.core.quotas.amount import Amount


def exceeded(
    quota: str, requested: Mapping[str, Amount], used: Mapping[str, Amount], hard: Mapping[str, Amount]
) -> str:
    """Say that a pod would take usage past what is allowed."""
    return f"exceeded quota: {quota}, requested: {_list(requested)}, used: {_list(used)}, limited: {_list(hard)}"


def must_specify(quota: str, missing: Mapping[str, Iterable[str]]) -> str:
    """Say what is missing in which containers."""
    lines = [f"{name} for: {','.join(sorted(set(missing[name])))}" for name in sorted(missing)]
    return f"failed quota: {quota}: must specify {'; '.join(lines)}"


def status_unknown(quota: str, names: Iterable[str]) -> str:
    """Say that usage was not calculated yet."""
    return f"status unknown for quota: {quota}, resources: {','.join(sorted(names))}"


def unusable(quota: str, fault: str) -> str:
    """Say that nobody can tell which pods a quota is about; what Kubernetes says after the colon is Go's own print."""
    return f"error matching scopes of quota {quota}, err: {fault}"


def _list(amounts: Mapping[str, Amount]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))

"""Unreviewed: why nobody reviewed a pod, as far as one replica can honestly know.

A pod gets the first of these reasons that holds:

- `static`: a kubelet runs it from a file, and the API server only mirrors it (annotation kubernetes.io/config.mirror).
- `excludedNamespace`: the webhook's namespaceSelector leaves its namespace out.
- `beforeHeadroom`: it was created before the object that replicas share was. That object is created before any replica
  grants anything. (Where it was lost and created again, pods that were reviewed before that have this reason too: the
  log has said so. When the webhook configuration was applied is not read, so pods from between are not found.)
- `grownWithoutReview`: it was seen to grow, and no review was asked about that: a resize that was infeasible has become
  feasible, a pod that had ended lives again, or DRA allocated a claim. Each replica knows what it saw since it started.

That the gate was open (the webhook configuration was deleted, or a pod was let in without an answer) is not said of
any pod. Each replica knows only what it granted itself since it started, and the shared object only sums of what the
others granted, so no replica can tell a pod that another one granted from a pod that nobody was asked about.
"""

from typing import Final

from webhook.core.ledger.entry import Entry

EXCLUDED_NAMESPACES: Final = frozenset({"kube-system", "headroom-system"})
"""Those that manifests/base/webhook.yaml leaves out; an overlay that leaves out more is not known here."""

STATIC: Final = "static"
EXCLUDED: Final = "excludedNamespace"
BEFORE: Final = "beforeHeadroom"
GROWN: Final = "grownWithoutReview"


def why_unreviewed(namespace: str, pod: Entry, birth: str) -> str | None:
    """Say why nobody reviewed a pod when it was created; None if that is not known.

    `birth` is when the account began, empty if that is not known. The API server writes such times in UTC and in whole
    seconds (k8s.io/apimachinery/pkg/apis/meta/v1/time.go), so that texts compare as the times do.
    """
    if pod.traits.static:
        return STATIC
    if namespace in EXCLUDED_NAMESPACES:
        return EXCLUDED
    return BEFORE if "" < pod.created < birth else None

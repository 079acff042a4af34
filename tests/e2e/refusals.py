"""What replicas show of blocked owners, read from the ConfigMap as replicas read it."""

from devcluster.cluster import Cluster
from webhook.core.reporting.blocked import Blocked
from webhook.core.reporting.publication import blocked_of, read

REFUSALS = "/api/v1/namespaces/headroom-system/configmaps/headroom-refusals"


def blocked(cluster: Cluster, namespace: str) -> list[Blocked]:
    """Return the blocked owners of a namespace, whichever replica refused them."""
    if not cluster.api.exists(REFUSALS):
        return []
    data = cluster.api.get(REFUSALS).get("data") or {}
    views = {replica: read(text) for replica, text in data.items()}
    return [each for each in blocked_of(views) if each.owner.namespace == namespace]

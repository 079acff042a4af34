"""Quotas and pods by the few fields that matter to a test."""

from typing import Any

import msgspec

from webhook.core.quotas.check import Quota, quota
from webhook.core.quotas.objects import Pod, ResourceQuota


def a_quota(
    name: str = "q", hard: dict[str, str] | None = None, used: dict[str, str] | None = None, **more: Any
) -> Quota:
    """Make a quota whose usage is nothing where it is not said; `more` is its spec, and its `namespace`."""
    allowed = hard if hard is not None else {"requests.memory": "4Gi"}
    namespace = more.pop("namespace", "default")
    return quota(
        msgspec.convert(
            {
                "metadata": {"name": name, "namespace": namespace},
                "spec": more,
                "status": {"hard": allowed, "used": dict.fromkeys(allowed, "0") | (used or {})},
            },
            ResourceQuota,
        )
    )


def a_pod(*containers: dict[str, Any], status: dict[str, Any] | None = None, **spec: Any) -> Pod:
    """Make a pod of these containers' resources, by default one that requests 1Gi."""
    asked = containers or ({"requests": {"memory": "1Gi"}},)
    named = [{"name": f"c{number}", "resources": each} for number, each in enumerate(asked)]
    return msgspec.convert({"spec": {"containers": named, **spec}, "status": status or {}}, Pod)

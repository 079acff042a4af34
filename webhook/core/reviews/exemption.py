"""Exemptions: pods that are counted and never refused, and why a user cannot forge an exemption.

Each is tied to something that a user who may create pods cannot forge: the namespace that the request went to, or the
user that the API server authenticated. An annotation, an ownerReference, a priority class or the host's network alone
exempts nothing.
The maker of a pod matters only when it is created: a change of it is judged, and the API server does not resize mirror
pods anyway.
"""

from webhook.core.api.types import Pod
from webhook.core.config.types import Exempt
from webhook.core.reviews.review import AdmissionRequest

# The DaemonSet controller uses its own service account, or the user of kube-controller-manager if that runs without
# --use-service-account-credentials. Neither copies ownerReferences from a template, so only real DaemonSets get here.
_DAEMON_SET_CONTROLLERS = frozenset(
    {"system:serviceaccount:kube-system:daemon-set-controller", "system:kube-controller-manager"}
)


def exemption(request: AdmissionRequest, pod: Pod, exempt: Exempt) -> str | None:
    """Say why a pod is exempt; None if it is not."""
    user = request.user_info.username
    if exempt.covers_namespace(request.namespace):
        return f"namespace {request.namespace} is exempt"
    priority_class = pod.spec.priority_class_name
    if priority_class and exempt.covers_priority_class(priority_class, request.namespace):
        return f"priority class {priority_class} is exempt in namespace {request.namespace}"
    if pod.spec.host_network and exempt.covers_system_pod(priority_class, request.namespace):
        return system_pod(priority_class, request.namespace)
    if pod.metadata.annotations.mirror is not None or user in _DAEMON_SET_CONTROLLERS:
        return None if request.operation == "UPDATE" else _by_maker(user, pod, exempt, request.namespace)
    return None


def system_pod(priority_class: str, namespace: str) -> str:
    """Say why a pod of the cluster itself is exempt."""
    return f"pod of priority class {priority_class} on the host's network, exempt in namespace {namespace}"


def _by_maker(user: str, pod: Pod, exempt: Exempt, namespace: str) -> str | None:
    node = pod.spec.node_name
    if pod.metadata.annotations.mirror is not None and node and user == f"system:node:{node}":
        return "mirror pod, made by its own node"
    if user in _DAEMON_SET_CONTROLLERS and pod.metadata.of_daemon_set and exempt.covers_daemon_sets(namespace):
        return "DaemonSet pod, made by the DaemonSet controller"
    return None

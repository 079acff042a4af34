"""The watches: one reflector for each resource, and what each of its events changes in the state."""

import logging
from collections.abc import Callable
from typing import Final

from webhook.controllers.allotment_store import NAME as ALLOTMENTS
from webhook.controllers.allotments import AllotmentController
from webhook.controllers.refusal_exchange import RefusalExchange
from webhook.controllers.refusal_store import NAME as REFUSALS
from webhook.core.api.types import Node, ObjectError, Pod, WatchedPod, reader
from webhook.core.ledger.info import PodInfo, node_info, pod_info
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.pods.rules import NEWEST, Rules
from webhook.core.quotas.check import Quota, quota
from webhook.core.quotas.objects import ResourceQuota, read_quota
from webhook.core.values.amounts import NOTHING
from webhook.core.values.quantity import QuantityError
from webhook.kube.client import Api
from webhook.kube.configmaps import ConfigMap
from webhook.kube.throttle import ReadThrottle
from webhook.state.cluster_state import ClusterState
from webhook.state.configuration import NAME as CONFIG
from webhook.state.configuration import ConfigurationLoader
from webhook.state.quota_view import QuotaView
from webhook.state.sync_status import SyncStatus
from webhook.watch.decoder import Resource
from webhook.watch.events import (
    Bookmark,
    Changed,
    Connected,
    Deleted,
    Disconnected,
    Fresh,
    Replaced,
    Unreadable,
    WatchEvent,
    WentBack,
)
from webhook.watch.reflector import Reflector

log = logging.getLogger(__name__)

BeginAgain = Callable[[str, int, int, float], None]
"""Called when etcd was restored: the resource, the known revision, the lower one found, when that was requested."""

# Pods and nodes may change many times a second. Their events may be read this many seconds late: reservations cover
# what was granted, and room that a deletion frees is granted that much later. Events of pods may be read even later
# while no bound is near and no booking or review waits for the view. Events of the shared object, by which replicas
# call each other, are read immediately.
BUSY: Final = 0.02
AT_EASE: Final = 0.1


def watch_pods(api: Api, state: ClusterState) -> Reflector[PodInfo]:
    """Return the reflector that keeps the pods of `state` in sync."""

    def deliver(news: WatchEvent[PodInfo]) -> None:
        match news:
            case Changed(object=pod):
                state.see_pod(pod)
            case Deleted(object=pod):
                state.pod_gone(pod)
            case Bookmark(revision=revision):
                state.bookmark(revision)
            case Replaced(objects=pods, revision=revision, since=since):
                state.relist_pods(pods, revision, since)
            case Fresh(since=since):
                state.prove(since)
            case Unreadable(namespace=namespace, name=name, uid=uid, revision=revision, deleted=True):
                state.pod_gone(PodInfo(f"{namespace}/{name}", uid, revision, NOTHING))
            case Unreadable(revision=revision):
                state.bookmark(revision)  # the pod's last readable state stays; the reflector logs the problem
            case _:
                _tell_state(state, state.pods, news)

    def taken(pod: WatchedPod) -> PodInfo:
        return _pod(pod, state.basis.rules)

    pause = ReadThrottle(BUSY, AT_EASE)
    state.set_pace(pause)
    resource = Resource(PODS.path, WatchedPod, PODS.read, taken)
    return Reflector(api, resource, deliver, pause=pause, clock=state.clock)


def watch_nodes(api: Api, state: ClusterState) -> Reflector[NodeInfo]:
    """Return the reflector that keeps the nodes of `state` in sync."""

    def deliver(news: WatchEvent[NodeInfo]) -> None:
        match news:
            case Changed(object=node):
                state.see_node(node)
            case Deleted(object=node):
                state.node_gone(node.name)
            case Unreadable(name=name, deleted=True):
                state.node_gone(name)
            case Replaced(objects=nodes):
                state.relist_nodes(nodes)
            case _:
                _tell_state(state, state.nodes, news)

    return Reflector(api, NODES, deliver, pause=ReadThrottle(BUSY), clock=state.clock)


def watch_quotas(api: Api, view: QuotaView, clock: Callable[[], float]) -> Reflector[Quota]:
    """Return the reflector that keeps `view` in sync. It is throttled too: each new pod changes a quota's usage."""

    def deliver(news: WatchEvent[Quota]) -> None:
        match news:
            case Changed(object=seen):
                view.see(seen)
            case Deleted(object=seen):
                view.gone(seen.namespace, seen.name)
            case Unreadable(namespace=namespace, name=name):
                view.gone(namespace, name)
            case Replaced(objects=quotas):
                view.relist(quotas)
            case Connected() | Bookmark():
                view.tell_live()
            case Disconnected(fault=fault):
                view.tell_broken(fault)

    return Reflector(api, QUOTAS, deliver, pause=ReadThrottle(BUSY), clock=clock)


def watch_config(
    api: Api, namespace: str, settings: ConfigurationLoader, begin_again: BeginAgain = lambda *_: None
) -> Reflector[ConfigMap]:
    """Return the reflector that keeps the configuration in sync."""

    def tell(found: ConfigMap | None, _revision: int) -> None:
        settings.read(found.data, found.metadata.uid) if found else settings.read(None)

    return _watch_config_map(api, namespace, CONFIG, tell, tell, begin_again)


def watch_allotments(
    api: Api, namespace: str, booking: AllotmentController, begin_again: BeginAgain = lambda *_: None
) -> Reflector[ConfigMap]:
    """Return the reflector that shows `booking` what other replicas write into the shared object."""
    return _watch_config_map(api, namespace, ALLOTMENTS, booking.tell, booking.listed, begin_again)


def watch_refusals(api: Api, namespace: str, exchange: RefusalExchange) -> Reflector[ConfigMap]:
    """Return the reflector that shows `exchange` what other replicas refuse."""
    return _watch_config_map(api, namespace, REFUSALS, exchange.tell, exchange.tell, lambda *_: None)


def _watch_config_map(
    api: Api,
    namespace: str,
    name: str,
    tell: Callable[[ConfigMap | None, int], None],
    listed: Callable[[ConfigMap | None, int], None],
    begin_again: BeginAgain,
) -> Reflector[ConfigMap]:
    def deliver(news: WatchEvent[ConfigMap]) -> None:
        match news:
            case Changed(object=found, revision=revision):
                tell(found, revision)
            case Deleted(revision=revision):
                tell(None, revision)
            case Replaced(objects=objects, revision=revision):
                listed(objects[0], objects[0].revision) if objects else listed(None, revision)
            case WentBack(known=known, found=found, since=since):
                begin_again(f"ConfigMaps ({name})", known, found, since)

    path = f"/api/v1/namespaces/{namespace}/configmaps"
    resource = Resource(path, ConfigMap, reader(ConfigMap), _whole, f"metadata.name={name}")
    return Reflector(api, resource, deliver)


def _whole(configmap: ConfigMap) -> ConfigMap:
    return configmap


def _tell_state(state: ClusterState, feed: SyncStatus, news: object) -> None:
    match news:
        case Connected() | Bookmark():
            state.tell_live(feed)
        case Disconnected(fault=fault):
            state.tell_broken(feed, fault)
        case WentBack(known=known, found=found, since=since):
            state.begin_again(feed.resource, known, found, since)


def _pod(pod: Pod, rules: Rules = NEWEST) -> PodInfo:
    """Take a pod in; what it asks for counts as nothing where it cannot be read, which the API server never lets in."""
    try:
        return pod_info(pod, rules=rules)
    except ObjectError as error:
        log.error("pod %s/%s counts as nothing: %s", pod.metadata.namespace, pod.metadata.name, error)  # noqa: TRY400
        return pod_info(type(pod)(metadata=pod.metadata, spec=type(pod.spec)(node_name=pod.spec.node_name)))


def _node(node: Node) -> NodeInfo:
    try:
        return node_info(node)
    except QuantityError as error:
        log.error("node %s counts as having nothing: %s", node.metadata.name, error)  # noqa: TRY400
        return node_info(Node(node.metadata, node.spec))


QUOTAS: Final = Resource("/api/v1/resourcequotas", ResourceQuota, read_quota, quota)
PODS: Final = Resource("/api/v1/pods", WatchedPod, reader(WatchedPod), _pod)
NODES: Final = Resource("/api/v1/nodes", Node, reader(Node), _node)

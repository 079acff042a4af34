"""Watching: the reflectors, and what each one's news means to the account."""

import logging
from collections.abc import Callable
from typing import Final

from webhook.account import Account
from webhook.booking import Booking
from webhook.configmap import ConfigMap
from webhook.core.amounts import NOTHING
from webhook.core.facts import node_facts, pod_facts
from webhook.core.ledger import PodFacts
from webhook.core.nodes import NodeFacts
from webhook.core.objects import Node, ObjectError, Pod, reader
from webhook.core.quantity import QuantityError
from webhook.escrow import NAME as ALLOTMENTS
from webhook.feed import Feed
from webhook.kube import Api
from webhook.news import Bookmark, Broken, Changed, Deleted, Live, News, Proven, Replaced, Unreadable
from webhook.reflector import Reflector
from webhook.settings import NAME as CONFIG
from webhook.settings import Settings
from webhook.wire import Resource

log = logging.getLogger(__name__)

PODS: Final = Resource("/api/v1/pods", Pod, reader(Pod))
NODES: Final = Resource("/api/v1/nodes", Node, reader(Node))


def watch_pods(api: Api, account: Account) -> Reflector[Pod]:
    """Keep the account's pods in sync."""

    def deliver(news: News[Pod]) -> None:
        match news:
            case Changed(object=pod):
                account.see_pod(_pod(pod))
            case Deleted(object=pod, revision=revision):
                account.pod_gone(_pod(pod, revision))
            case Bookmark(revision=revision):
                account.bookmark(revision)
            case Replaced(objects=pods, revision=revision):
                account.relist_pods([_pod(pod) for pod in pods], revision)
            case Proven(since=since):
                account.prove(since)
            case Unreadable(namespace=namespace, name=name, uid=uid, revision=revision, deleted=True):
                account.pod_gone(PodFacts(f"{namespace}/{name}", uid, revision, NOTHING))
            case Unreadable(revision=revision):
                account.bookmark(revision)  # what was known of it stands; the reflector has said what is wrong
            case _:
                _tell_state(account, account.pods, news)

    return Reflector(api, PODS, deliver, clock=account.clock)


def watch_nodes(api: Api, account: Account) -> Reflector[Node]:
    """Keep the account's nodes in sync."""

    def deliver(news: News[Node]) -> None:
        match news:
            case Changed(object=node):
                account.see_node(_node(node))
            case Deleted(object=node):
                account.node_gone(node.metadata.name)
            case Unreadable(name=name, deleted=True):
                account.node_gone(name)
            case Replaced(objects=nodes):
                account.relist_nodes([_node(node) for node in nodes])
            case _:
                _tell_state(account, account.nodes, news)

    return Reflector(api, NODES, deliver, clock=account.clock)


def watch_config(api: Api, namespace: str, settings: Settings) -> Reflector[ConfigMap]:
    """Keep the configuration in sync."""
    return _watch_config_map(api, namespace, CONFIG, lambda found, _: settings.read(found.data if found else None))


def watch_allotments(api: Api, namespace: str, booking: Booking) -> Reflector[ConfigMap]:
    """Tell the booking what the others write."""
    return _watch_config_map(api, namespace, ALLOTMENTS, booking.tell)


def _watch_config_map(
    api: Api, namespace: str, name: str, tell: Callable[[ConfigMap | None, int], None]
) -> Reflector[ConfigMap]:
    def deliver(news: News[ConfigMap]) -> None:
        match news:
            case Changed(object=found, revision=revision):
                tell(found, revision)
            case Deleted(revision=revision):
                tell(None, revision)
            case Replaced(objects=objects, revision=revision):
                tell(objects[0], objects[0].revision) if objects else tell(None, revision)

    path = f"/api/v1/namespaces/{namespace}/configmaps"
    return Reflector(api, Resource(path, ConfigMap, reader(ConfigMap), f"metadata.name={name}"), deliver)


def _tell_state(account: Account, feed: Feed, news: object) -> None:
    match news:
        case Live() | Bookmark():
            account.tell_live(feed)
        case Broken(fault=fault):
            account.tell_broken(feed, fault)


def _pod(pod: Pod, revision: int | None = None) -> PodFacts:
    """Take a pod in; what it asks for counts as nothing where it cannot be read, which the API server never lets in."""
    try:
        return pod_facts(pod, at=revision)
    except ObjectError as error:
        log.error("pod %s/%s counts as nothing: %s", pod.metadata.namespace, pod.metadata.name, error)  # noqa: TRY400
        return pod_facts(Pod(pod.metadata, type(pod.spec)(node_name=pod.spec.node_name)), at=revision)


def _node(node: Node) -> NodeFacts:
    try:
        return node_facts(node)
    except QuantityError as error:
        log.error("node %s counts as having nothing: %s", node.metadata.name, error)  # noqa: TRY400
        return node_facts(Node(node.metadata, node.spec))

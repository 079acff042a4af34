"""The composition root: builds everything, starts the threads, serves, and stops everything in order.

Importing this module starts nothing. No other module starts a thread, except for the dispatcher's small pools.
"""

import gc
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

from prometheus_client import CollectorRegistry

from webhook.admission.configuration import ConfigurationAdmission
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.fetch import JSON, FetchError, MissingError
from webhook.admission.pods import PodAdmission
from webhook.admission.workloads import WorkloadAdmission
from webhook.controllers import watches as watching
from webhook.controllers.allotments import TIMEOUT, AllotmentController
from webhook.controllers.certificate_reload import CertificateReload
from webhook.controllers.owner_reads import OwnerReads
from webhook.controllers.recount import RecountController
from webhook.controllers.refusal_exchange import RefusalExchange
from webhook.controllers.refusal_store import RefusalStore
from webhook.controllers.refusals import RefusalController
from webhook.controllers.relist import RelistController, restored
from webhook.controllers.versions import Versions
from webhook.core.events.aggregator import Occurrence
from webhook.core.reviews.messages import Help
from webhook.core.sharing.allotment import Timing
from webhook.http import memory
from webhook.http import worker as replica
from webhook.http.client_certificates import Clients
from webhook.http.tls import ServingCertificate
from webhook.kube.client import Api, configure
from webhook.kube.configmaps import ConfigMaps
from webhook.kube.stream import KubeError, NotFound
from webhook.observability import blocked_metrics, holder_metrics, metrics, state_metrics
from webhook.observability import top_owners as topowners
from webhook.observability.audit_log import AuditLog
from webhook.observability.audit_record import Line, timestamp
from webhook.observability.events import EventRecorder, edited
from webhook.observability.owners import Owners
from webhook.observability.refusal_record import refusal
from webhook.observability.top_owners import TopOwners
from webhook.state.cluster_state import ClusterState
from webhook.state.configuration import NAME as CONFIG
from webhook.state.configuration import ConfigurationLoader
from webhook.state.quota_view import QuotaView
from webhook.state.report_source import ReportSource
from webhook.state.room_view import RoomView
from webhook.watch.reflector import Reflector
from webhook.web.dispatcher import Dispatcher
from webhook.web.routes import CONFIGURATION, WORKLOADS, create_app

log = logging.getLogger(__name__)

_FETCH_TIMEOUT = 0.4  # seconds each to connect, for the headers, for the body; the API server gives the review 2 s
_SHARING_TIMEOUT = 2.0  # seconds for a write of what was refused
_STOPPING = 3.0  # seconds that the threads get to end
_UNTIL_SEEN = 2.0  # seconds to wait, when stopping, for the watch to show the pods that were admitted last


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that are fixed when a replica starts."""

    listen: str
    metrics_listen: str | None
    tls_cert_file: Path
    tls_key_file: Path
    client_ca_file: Path | None
    client_name: str
    kubeconfig: str | None
    namespace: str
    audit_file: str | None
    timing: Timing


def clock() -> float:
    """Return seconds on a clock that also runs while the machine sleeps: time passes for other replicas meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of one replica that `serve` starts and stops."""

    name: str
    api: Api
    certificate: ServingCertificate
    audit: AuditLog
    admission: PodAdmission
    forecast: WorkloadAdmission
    booking: AllotmentController
    recounting: RecountController
    announcing: EventRecorder
    refusals: RefusalController
    versions: Versions
    reflectors: dict[str, Reflector[Any]]
    registry: CollectorRegistry
    stop: Event


def serve(options: Options) -> None:
    """Run one replica until it gets a signal to stop.

    Raises TlsError, KubeError or OSError if something that the replica needs at the start is missing or unusable.
    """
    memory.give_back_what_is_free()
    parts = _build(options)
    writer = _started("audit", parts.audit.run)
    parts.versions.look()  # so that pods are counted right from the first list on, if the API server is there
    watchers = [_started(f"watch {what}", reflector.run) for what, reflector in parts.reflectors.items()]
    workers = [
        _started("booking", parts.booking.run),
        _started("recount", parts.recounting.run),
        _started("certificate", CertificateReload(parts.certificate, parts.stop, time.time).run),
        _started("version", parts.versions.run),
    ]
    announcers = [_started("events", parts.announcing.run), _started("refusals", parts.refusals.run)]
    gc.freeze()  # all objects that exist now live as long as the process: the garbage collector can skip them
    log.info("replica %s starts", parts.name)
    if options.client_ca_file:
        log.info("reviews are answered to clients with a certificate for %s alone", options.client_name)
    drained = False
    try:
        others = {
            WORKLOADS: parts.forecast.review,
            CONFIGURATION: ConfigurationAdmission(parts.admission.account).review,
        }
        door = Dispatcher(parts.admission, create_app(parts.admission, parts.registry, others))
        plain = [options.metrics_listen] if options.metrics_listen else []
        clients = Clients(parts.certificate, options.client_name) if options.client_ca_file else None
        drained = replica.serve(door, parts.certificate.context(), options.listen, *plain, clients=clients)
    finally:
        parts.stop.set()
        parts.admission.account.version_due.set()
        if _ended(workers):
            parts.booking.leave(_UNTIL_SEEN if drained else 0.0)
        for reflector in parts.reflectors.values():
            reflector.stop()
        parts.audit.stop()
        _ended([*watchers, writer, *announcers])
        parts.api.close()
        log.info("replica %s ends", parts.name)


def _build(options: Options) -> _Parts:
    name = secrets.token_hex(4)  # new for each process, so that it never uses what an earlier process held
    certificate = ServingCertificate(options.tls_cert_file, options.tls_key_file, options.client_ca_file)
    configuration = configure(options.kubeconfig)
    api = Api(configuration, clock)
    top = TopOwners(Owners(api, topowners.WITHIN), clock).find
    audit = AuditLog(name, time.time, options.audit_file, top=top, tell=lambda *said: _take(refusals, *said))
    registry = CollectorRegistry(auto_describe=False)
    reviews = metrics.Reviews(registry)

    def observe(decided: DecisionRecord) -> None:
        reviews.record(decided)
        audit.record(decided)
        announcing.record(decided)

    account = ClusterState(name, options.timing, clock, help_=Help(f"{options.namespace}/{CONFIG}"))
    quotas = QuotaView(clock)
    admission = PodAdmission(account, observe, quotas)
    forecast = WorkloadAdmission(account, partial(_fetch, api), metrics.EarlyAnswers(registry).record, audit.record)
    stop = Event()
    announcing = EventRecorder(api, name, stop, clock, time.time)
    registry.register(state_metrics.EventCollector(announcing))
    settings = ConfigurationLoader(
        account.configure,
        account.lack_config,
        lambda edit: announcing.announce(edited(edit, options.namespace)),
    )
    pods = watching.watch_pods(api, account)
    versions = Versions(Api(configuration, clock), account, pods.request_list, stop)
    registry.register(state_metrics.KubernetesRules(account, versions))
    rereading = RelistController(
        account, lambda text: _announce(announcing, restored(text, options.namespace, settings.uid))
    )
    configmaps = ConfigMaps(api, options.namespace, TIMEOUT)
    booking = AllotmentController(configmaps, admission, stop, pods.request_proof, rereading)
    exchange = RefusalExchange(RefusalStore(ConfigMaps(api, options.namespace, _SHARING_TIMEOUT)), name, clock)
    refusals = _refusals(api, RoomView(account), exchange, stop)
    recounting = RecountController(account, stop, metrics.Recounts(registry).record)
    registry.register(state_metrics.StateCollector(admission, settings, audit, booking, certificate, time.time))
    registry.register(state_metrics.QuotasSeen(quotas))
    report = ReportSource(account, lambda: timestamp(time.time()))
    registry.register(holder_metrics.HolderCollector(report.latest))
    registry.register(blocked_metrics.BlockedCollector(refusals.blocked, time.time))
    reflectors: dict[str, Reflector[Any]] = {
        "pods": pods,
        "nodes": watching.watch_nodes(api, account),
        "quotas": watching.watch_quotas(api, quotas, clock),
        "configuration": watching.watch_config(api, options.namespace, settings, account.begin_again),
        "allotments": watching.watch_allotments(api, options.namespace, booking, account.begin_again),
        "refusals": watching.watch_refusals(api, options.namespace, exchange),
    }
    rereading.join(reflector.request_list for reflector in reflectors.values())
    return _Parts(
        name,
        api,
        certificate,
        audit,
        admission,
        forecast,
        booking,
        recounting,
        announcing,
        refusals,
        versions,
        reflectors,
        registry,
        stop,
    )


def _refusals(api: Api, room: RoomView, exchange: RefusalExchange, stop: Event) -> RefusalController:
    top = TopOwners(Owners(api, topowners.WITHIN), clock).find  # one thread may use it, and the audit log has another
    return RefusalController(room, OwnerReads(api), exchange, stop, top=top, clock=clock, wall_clock=time.time)


def _take(refusals: RefusalController, decided: DecisionRecord, made: Line) -> None:
    found = refusal(decided, made)
    if found is not None:
        refusals.take(found)


def _announce(announcing: EventRecorder, occurrence: Occurrence | None) -> None:
    if occurrence is not None:
        announcing.announce(occurrence)


def _fetch(api: Api, path: str, query: Mapping[str, str] | None = None, accept: str = JSON) -> bytes:
    """Read for an early answer; raises `FetchError`."""
    try:
        return api.get(path, query, _FETCH_TIMEOUT, accept).body
    except NotFound as error:
        raise MissingError(str(error)) from error
    except KubeError as error:
        raise FetchError(str(error)) from error


def _started(name: str, run: Callable[..., None], *arguments: object) -> Thread:
    thread = Thread(target=run, args=arguments, name=name, daemon=True)
    thread.start()
    return thread


def _ended(threads: list[Thread]) -> bool:
    """Wait up to `_STOPPING` seconds in total for the threads to end; say whether all of them did."""
    deadline = time.monotonic() + _STOPPING
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)

"""The composition root: builds everything, starts the threads, serves, and stops everything in order.

Importing this module starts nothing. No other module starts a thread, except for the dispatcher's small pools.
"""

import atexit
import gc
import logging
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, NoReturn

from certs.names import Names
from certs.rotation import Policy
from webhook.admission.configuration import ConfigurationAdmission
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.fetch import JSON, FetchError, MissingError
from webhook.admission.pods import PodAdmission
from webhook.admission.workloads import WorkloadAdmission
from webhook.controllers import watches as watching
from webhook.controllers.allotments import TIMEOUT, AllotmentController
from webhook.controllers.certificate_reload import CertificateReload
from webhook.controllers.certificate_rotation import MANAGER, CertificateRotation, Taker
from webhook.controllers.gate_probe import GateProbe, occurrence
from webhook.controllers.keyring_store import KeyringStore
from webhook.controllers.lease_holder import NAME as LEASE
from webhook.controllers.lease_holder import TIMEOUT as LEASE_TIMEOUT
from webhook.controllers.lease_holder import LeaseHolder
from webhook.controllers.own_certificate import OwnCertificate
from webhook.controllers.owner_reads import OwnerReads
from webhook.controllers.recount import RecountController
from webhook.controllers.refusal_exchange import RefusalExchange
from webhook.controllers.refusal_store import RefusalStore
from webhook.controllers.refusals import RefusalController
from webhook.controllers.relist import RelistController, restored
from webhook.controllers.replicas import Replicas
from webhook.controllers.serving_check import ServingCheck
from webhook.controllers.versions import Versions
from webhook.core.events.aggregator import Occurrence
from webhook.core.events.reference import Reference
from webhook.core.reviews.messages import Help
from webhook.core.sharing.allotment import Timing
from webhook.http import handshake, memory
from webhook.http import worker as replica
from webhook.http.client_certificates import Clients
from webhook.http.handshake import loopback
from webhook.http.listeners import Limits, address
from webhook.http.plain_server import PlainServer
from webhook.http.pulse import Pulse
from webhook.http.tls import ServingCertificate, TlsError
from webhook.kube.access_reviews import AccessReviews
from webhook.kube.client import Api, configure
from webhook.kube.configmaps import ConfigMaps
from webhook.kube.leases import Leases
from webhook.kube.objects import Objects
from webhook.kube.stream import KubeError, NotFound
from webhook.observability import metrics, state_metrics
from webhook.observability import top_owners as topowners
from webhook.observability.audit_log import AuditLog
from webhook.observability.audit_record import Line, timestamp
from webhook.observability.blocked_metrics import BlockedCollector
from webhook.observability.certificate_metrics import CertificateCollector
from webhook.observability.events import EventRecorder, edited
from webhook.observability.holder_metrics import HolderMetrics
from webhook.observability.logging import LogWriter
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
from webhook.web.access import AccessControl
from webhook.web.dispatcher import Dispatcher
from webhook.web.exposition import Registry
from webhook.web.pod_usage import PodUsages
from webhook.web.reporting import reporting, silence
from webhook.web.reporting_dispatcher import ReportingDispatcher
from webhook.web.routes import CONFIGURATION, WORKLOADS, create_app
from webhook.web.secret_paths import SecretPaths
from webhook.web.sources import Settings, Sources

log = logging.getLogger(__name__)

FILES, SELF = "files", "self"
"""Where certificates come from: from files that somebody else renews, or from Headroom itself."""
SHUTDOWN_DELAY = 10.0
"""Seconds that a replica goes on serving after SIGTERM: every node's proxy has heard by then that it goes."""

_FETCH_TIMEOUT = 0.4  # seconds each to connect, for the headers, for the body; the API server gives the review 2 s
# Seconds after which a thread that works hands the interpreter to one that waits for it, such as the reviews' loop when
# readers have a report made. By default it is 5 ms, longer than ten reviews take.
_SWITCH = 0.0005
_ACCESS_TIMEOUT = 2.0  # seconds for the API server to say who reads a report, and what they may list
_SHARING_TIMEOUT = 2.0  # seconds for a write of what was refused
_ROTATION_TIMEOUT = 5.0  # seconds for a call of the rotation
_STOPPING = 3.0  # seconds that the threads get to end
_UNTIL_SEEN = 2.0  # seconds to wait, when stopping, for the watch to show the pods that were admitted last


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that are fixed when a replica starts. With `names`, certificates for them are Headroom's own."""

    listen: str
    metrics_listen: str | None
    tls_cert_file: Path | None
    tls_key_file: Path | None
    client_ca_file: Path | None
    client_name: str
    kubeconfig: str | None
    namespace: str
    audit_file: str | None
    timing: Timing
    names: Names | None = None
    shutdown_delay: float = SHUTDOWN_DELAY


def clock() -> float:
    """Return seconds on a clock that also runs while the machine sleeps: time passes for other replicas meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class _DecisionRecorder:
    """Where each decision is recorded: metrics, the audit log and Events."""

    reviews: metrics.Reviews
    audit: AuditLog
    events: EventRecorder

    def record(self, decided: DecisionRecord) -> None:
        """Count a decision, and queue its audit line and its Event."""
        self.reviews.record(decided)
        self.audit.record(decided)
        self.events.record(decided)


@dataclass(frozen=True, slots=True)
class _Refusals:
    """What was refused lately, and who is blocked: as this replica knows it, and as all replicas together do."""

    room: RoomView
    exchange: RefusalExchange
    controller: RefusalController

    def take(self, decided: DecisionRecord, made: Line, owner: Reference | None) -> None:
        """Take in a decision that gets an audit line."""
        found = refusal(decided, made, owner, self.room.scopes_of)
        if found is not None:
            self.controller.take(found)


@dataclass(frozen=True, slots=True)
class _Loops:
    """What runs on threads of its own, and keeps the state up to date."""

    settings: ConfigurationLoader
    versions: Versions
    booking: AllotmentController
    recounting: RecountController
    reflectors: dict[str, Reflector[Any]]


@dataclass(frozen=True, slots=True)
class _Tls:
    """The certificate that is served; if Headroom looks after it by itself, also how, and which paths it accepts."""

    certificate: ServingCertificate
    rotation: CertificateRotation | None = None
    paths: SecretPaths | None = None
    files: OwnCertificate | None = None

    def loops(self, stop: Event) -> Mapping[str, Callable[[], None]]:
        """Return what needs a thread of its own, by the thread's name."""
        if self.rotation is None:
            return {"certificate": CertificateReload(self.certificate, stop, time.time).run}
        reload = CertificateReload(self.certificate, stop, self.rotation.time)
        return {"certificate": reload.run, "rotation": self.rotation.run}


@dataclass(frozen=True, slots=True)
class _Gate:
    """What looks whether the API server gets answers from here, and the Lease that says which replica does so."""

    lease: LeaseHolder
    serving: ServingCheck
    probe: GateProbe


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of one replica that `serve` starts and stops."""

    name: str
    api: Api
    tls: _Tls
    recorder: _DecisionRecorder
    admission: PodAdmission
    forecast: WorkloadAdmission
    refusals: RefusalController
    reports: ReportSource
    loops: _Loops
    gate: _Gate
    registry: Registry
    stop: Event


def serve(options: Options, log_writer: LogWriter | None = None) -> None:
    """Run one replica until it gets a signal to stop. The main thread calls it, because it handles signals.

    Raises TlsError, KubeError or OSError if something that the replica needs at the start is missing or unusable.
    """
    if log_writer is None:
        _serve(options)
        return
    _started("log", log_writer.run)
    try:
        _serve(options)
    finally:
        log_writer.stop()


def _serve(options: Options) -> None:
    signal.signal(signal.SIGTERM, _exit)  # until the worker handles it
    memory.give_back_what_is_free()
    sys.setswitchinterval(_SWITCH)
    parts = _build(options)
    parts.loops.versions.look()  # so that pods are counted right from the first list on, if the API server is there
    writer = _started("audit", parts.recorder.audit.run)
    watchers = [_started(f"watch {what}", reflector.run) for what, reflector in parts.loops.reflectors.items()]
    workers = [
        _started("booking", parts.loops.booking.run),
        _started("recount", parts.loops.recounting.run),
        _started("version", parts.loops.versions.run),
    ]
    announcers = [_started("events", parts.recorder.events.run), _started("refusals", parts.refusals.run)]
    announcers += [_started(what, run) for what, run in parts.tls.loops(parts.stop).items()]
    announcers += [
        _started("lease", parts.gate.lease.run),
        _started("serving check", parts.gate.serving.run),
        _started("gate probe", parts.gate.probe.run),
    ]
    gc.freeze()  # all objects that exist now live as long as the process: the garbage collector can skip them
    log.info("replica %s starts", parts.name)
    if options.client_ca_file:
        log.info("reviews are answered to clients with a certificate for %s alone", options.client_name)
    drained, readers, pulse = False, list[PlainServer](), Pulse()
    try:
        if options.metrics_listen:
            readers.append(PlainServer(_reporting(parts, pulse), options.metrics_listen))
            watchers += [_started("reporting", reader.run) for reader in readers]
        others = {
            WORKLOADS: parts.forecast.review,
            CONFIGURATION: ConfigurationAdmission(parts.admission.state).review,
        }
        unready = partial(_unready, parts, pulse)
        app = create_app(parts.admission, others, unready)
        dispatcher = Dispatcher(parts.admission, app, parts.tls.paths)
        clients = Clients(parts.tls.certificate, options.client_name) if options.client_ca_file else None
        limits = Limits(delay=options.shutdown_delay)
        drained = replica.serve(dispatcher, parts.tls.certificate.context(), options.listen, limits, clients, pulse)
    finally:
        for reader in readers:
            reader.stop()
        parts.stop.set()
        parts.admission.state.version_due.set()
        if _ended(workers):
            parts.loops.booking.leave(_UNTIL_SEEN if drained else 0.0)
        for reflector in parts.loops.reflectors.values():
            reflector.stop()
        parts.recorder.audit.stop()
        _ended([*watchers, writer, *announcers])
        parts.api.close()
        if parts.tls.files is not None:
            parts.tls.files.remove()
        log.info("replica %s ends", parts.name)


def _exit(*_signal: object) -> NoReturn:
    """End the process, which may wait for the API server and has admitted nothing yet.

    Process 1 of a container does not get a signal that it has no handler for: each stop took the whole grace period.
    """
    raise SystemExit(0)


def _unready(parts: _Parts, pulse: Pulse) -> str | None:
    return silence(pulse) or parts.admission.state.readiness.unready() or parts.gate.serving.problem()


def _reporting(parts: _Parts, pulse: Pulse) -> ReportingDispatcher:
    state, loader, unready = parts.admission.state, parts.loops.settings, partial(_unready, parts, pulse)

    def settings() -> Settings:
        basis = state.basis
        return Settings(basis.config, basis.config_hash, loader.reading.problem or None)

    usage = PodUsages(parts.api, clock).read
    sources = Sources(parts.reports, settings, usage, parts.refusals, parts.reports.latest, parts.reports.charge)
    access = AccessControl(AccessReviews(parts.api, _ACCESS_TIMEOUT), sources, clock)
    return reporting(sources, parts.registry, unready, pulse, access)


def _build(options: Options) -> _Parts:
    """Build everything: the state, the records of decisions, the answers, and what keeps the state up to date."""
    name = secrets.token_hex(4)  # new for each process, so that it never uses what an earlier process held
    files = None if options.names else _from_files(options)  # first, because its faults need no cluster
    configuration = configure(options.kubeconfig)
    api, stop, registry = Api(configuration, clock), Event(), Registry()
    lease = _lease(Api(configuration, clock), options.namespace, name, stop)
    tls = files or _certify(options, Api(configuration, clock), lease, stop)
    state = ClusterState(name, options.timing, clock, help_=Help(f"{options.namespace}/{CONFIG}"))
    refusals = _refuse(options, name, api, state, stop)
    recorder = _build_recorder(options, name, api, registry, stop, refusals)
    quotas = QuotaView(clock)
    admission = PodAdmission(state, recorder.record, quotas)
    early = metrics.EarlyAnswers(registry).record
    forecast = WorkloadAdmission(state, partial(_fetch, api), early, recorder.audit.record)
    version_api = Api(configuration, clock)  # with connections of its own, which may lead to another API server
    loops = _loop(options, api, version_api, state, quotas, recorder, refusals, registry, stop)
    gate = _watch_gate(options, api, recorder, loops.settings, lease, stop)
    reports = ReportSource(state, lambda: timestamp(time.time()))
    for collector in (
        state_metrics.EventCollector(recorder.events),
        state_metrics.KubernetesRules(state, loops.versions),
        state_metrics.StateCollector(
            admission, loops.settings, recorder.audit, loops.booking, tls.certificate, time.time
        ),
        CertificateCollector(None if tls.rotation is None else tls.rotation.state),
        state_metrics.QuotasSeen(quotas),
        state_metrics.GateReach(gate.lease, gate.probe),
        BlockedCollector(refusals.controller.blocked, time.time),
    ):
        registry.register(collector)
    registry.writers.append(HolderMetrics(reports.latest).text)
    return _Parts(
        name, api, tls, recorder, admission, forecast, refusals.controller, reports, loops, gate, registry, stop
    )


def _lease(api: Api, namespace: str, name: str, stop: Event) -> LeaseHolder:
    return LeaseHolder(Leases(api, namespace, LEASE, LEASE_TIMEOUT), name, stop, clock, time.time)


def _from_files(options: Options) -> _Tls:
    if options.tls_cert_file is None or options.tls_key_file is None:
        raise TlsError("there are no files of a certificate, and no names for which to make one")
    return _Tls(ServingCertificate(options.tls_cert_file, options.tls_key_file, options.client_ca_file))


def _certify(options: Options, api: Api, lease: LeaseHolder, stop: Event) -> _Tls:
    """Wait until the cluster has a certificate of Headroom's own, and return it."""
    files, paths = OwnCertificate(), SecretPaths()
    atexit.register(files.remove)  # also after a signal that comes while this waits
    reach = partial(Objects, api, manager=MANAGER, timeout=_ROTATION_TIMEOUT)
    rotation = CertificateRotation(
        KeyringStore(reach(f"/api/v1/namespaces/{options.namespace}/secrets"), options.namespace),
        reach("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"),
        lease,
        Replicas(reach(f"/apis/discovery.k8s.io/v1/namespaces/{options.namespace}/endpointslices"), handshake.shown),
        Policy(options.names or Names()),
        Taker(files.hold, paths.accept),
        stop,
        clock,
        time.time,
    )
    rotation.begin()
    certificate = ServingCertificate(files.certificate_file, files.key_file, options.client_ca_file)
    return _Tls(certificate, rotation, paths, files)


def _refuse(options: Options, name: str, api: Api, state: ClusterState, stop: Event) -> _Refusals:
    room = RoomView(state)
    exchange = RefusalExchange(RefusalStore(ConfigMaps(api, options.namespace, _SHARING_TIMEOUT)), name, clock)
    top = TopOwners(Owners(api, topowners.WITHIN), clock).find  # one thread may use it, and the audit log has another
    reads = OwnerReads(api)
    controller = RefusalController(room, reads, exchange, stop, top=top, clock=clock, wall_clock=time.time)
    return _Refusals(room, exchange, controller)


def _build_recorder(
    options: Options, name: str, api: Api, registry: Registry, stop: Event, refusals: _Refusals
) -> _DecisionRecorder:
    top = TopOwners(Owners(api, topowners.WITHIN), clock).find
    audit = AuditLog(name, time.time, options.audit_file, top=top, tell=refusals.take)
    return _DecisionRecorder(metrics.Reviews(registry), audit, EventRecorder(api, name, stop, clock, time.time))


def _loop(
    options: Options,
    api: Api,
    version_api: Api,
    state: ClusterState,
    quotas: QuotaView,
    recorder: _DecisionRecorder,
    refusals: _Refusals,
    registry: Registry,
    stop: Event,
) -> _Loops:
    namespace = options.namespace
    settings = ConfigurationLoader(
        state.configure, state.lack_config, lambda edit: recorder.events.announce(edited(edit, namespace))
    )
    rereading = RelistController(
        state.bookings, lambda text: _announce(recorder.events, restored(text, namespace, settings.uid))
    )
    pods = watching.watch_pods(api, state)
    configmaps = ConfigMaps(api, namespace, TIMEOUT)
    booking = AllotmentController(configmaps, state.bookings, stop, pods.request_proof, rereading)
    reflectors: dict[str, Reflector[Any]] = {
        "pods": pods,
        "nodes": watching.watch_nodes(api, state),
        "quotas": watching.watch_quotas(api, quotas, clock),
        "configuration": watching.watch_config(api, namespace, settings, state.begin_again),
        "allotments": watching.watch_allotments(api, namespace, booking, state.begin_again),
        "refusals": watching.watch_refusals(api, namespace, refusals.exchange),
    }
    rereading.join(reflector.request_list for reflector in reflectors.values())
    versions = Versions(version_api, state, pods.request_list, stop)
    recounting = RecountController(state, stop, metrics.Recounts(registry).record)
    return _Loops(settings, versions, booking, recounting, reflectors)


def _watch_gate(
    options: Options,
    api: Api,
    recorder: _DecisionRecorder,
    settings: ConfigurationLoader,
    lease: LeaseHolder,
    stop: Event,
) -> _Gate:
    host, port = address(options.listen)
    serving = ServingCheck(api, (loopback(host), port), stop)

    def announce(reachable: bool, text: str) -> None:
        _announce(recorder.events, occurrence(reachable, text, options.namespace, settings.uid))

    return _Gate(lease, serving, GateProbe(api, lease.held, serving.gate_closed, stop, announce))


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

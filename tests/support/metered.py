"""A replica whose metrics are scraped."""

import threading
from pathlib import Path
from typing import NamedTuple

from kubernetes.client.configuration import Configuration
from prometheus_client import CollectorRegistry, generate_latest

from tests.e2e.exposition import Exposition
from tests.support.certificates import FIRST, Mounted
from tests.support.replica import Judge
from webhook.controllers.allotments import AllotmentController
from webhook.controllers.relist import RelistController
from webhook.kube.client import Api
from webhook.kube.configmaps import ConfigMaps
from webhook.observability.audit_log import AuditLog
from webhook.observability.audit_record import timestamp
from webhook.observability.blocked_metrics import BlockedCollector
from webhook.observability.events import EventRecorder
from webhook.observability.holder_metrics import HolderCollector
from webhook.observability.metrics import Recounts, Reviews
from webhook.observability.state_metrics import EventCollector, QuotasSeen, StateCollector
from webhook.state.configuration import ConfigurationLoader
from webhook.state.report_source import ReportSource

WALL = 1_700_000_000.0

ALL_BOUNDED = "thresholds: {memory: {requests: 100%, limits: 200%}, cpu: {requests: 100%, limits: 100%}}"


class Metered(NamedTuple):
    """A replica, and everything that its metrics are about."""

    judge: Judge
    registry: CollectorRegistry
    settings: ConfigurationLoader
    audit: AuditLog
    booking: AllotmentController
    announcing: EventRecorder
    api: Api

    def text(self) -> str:
        """Return the text of a scrape."""
        return generate_latest(self.registry).decode()

    def shown(self) -> Exposition:
        """Return the samples of a scrape."""
        return Exposition(self.text())


def metered(judge: Judge, folder: Path) -> Metered:
    registry = CollectorRegistry(auto_describe=False)
    reviews = Reviews(registry)
    Recounts(registry).record(())
    judge.admission._observe = reviews.record
    files = Mounted(folder / "tls.crt", folder / "tls.key")
    files.write(FIRST)
    audit = AuditLog("r1", lambda: WALL, None)
    api = Api(Configuration(host="http://127.0.0.1:1"))
    bookings, configmaps = judge.admission.state.bookings, ConfigMaps(api, "headroom-system", 1.0)
    booking = AllotmentController(configmaps, bookings, threading.Event(), lambda: None, RelistController(bookings))
    settings = ConfigurationLoader(judge.admission.state.configure, judge.admission.state.lack_config)
    registry.register(StateCollector(judge.admission, settings, audit, booking, files.serving(), lambda: WALL))
    announcing = EventRecorder(api, "r1", threading.Event(), judge.clock, lambda: WALL)
    registry.register(EventCollector(announcing))
    registry.register(QuotasSeen(judge.admission.quotas))
    report = ReportSource(judge.admission.state, lambda: timestamp(WALL))
    registry.register(HolderCollector(report.latest))
    registry.register(BlockedCollector(lambda: (), lambda: WALL))
    return Metered(judge, registry, settings, audit, booking, announcing, api)

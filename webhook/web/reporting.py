"""Puts together what answers at the reporting address."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry

from webhook.http.pulse import Pulse
from webhook.web.answers import Answers
from webhook.web.reporting_dispatcher import ReportingDispatcher
from webhook.web.reporting_routes import create_reporting_app
from webhook.web.sources import Sources

_LATE: Final = 2.0  # seconds; a loop that serves comes round every 0.1 s
_DEAD: Final = 30.0  # seconds


def reporting(
    sources: Sources, registry: CollectorRegistry, unready: Callable[[], str | None], pulse: Pulse
) -> ReportingDispatcher:
    """Return the handler of the reporting address.

    It has a loop of its own, and is to speak for the reviews all the same: `pulse` is that of their loop, `unready`
    says why they cannot be judged, None if they can.
    """
    answers = Answers(sources)
    app = create_reporting_app(
        answers, sources, registry, lambda: silence(pulse) or unready(), lambda: silence(pulse, _DEAD)
    )
    return ReportingDispatcher(app, answers)


def silence(pulse: Pulse, most: float = _LATE) -> str | None:
    """Say why the loop of the reviews does not serve; None if it came round at most so many seconds ago."""
    age = pulse.age()
    if age is None:
        return "reviews are not served now: the replica starts or stops"
    return f"reviews have not been served for {age:.0f} s: the event loop stands still" if age > most else None

"""Messages of forecasts: what users read about a workload whose pods will not all fit, as a warning or a refusal.

The part of a refusal that has the figures of the sums is written by reviews/messages.py, as in every refusal.
"""

from webhook.core.forecast.fit import Foresight, Obstacle
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.messages import WARNING, amount, place, printable, shortage
from webhook.core.reviews.verdict import Reason
from webhook.core.values.scopes import CLUSTER

_SCOPE = 28  # characters of a pool's name, so that the figures and the advice stay on the line


def warning(found: Foresight, pods: str) -> str:
    """Say in at most 120 characters what is in the way; `pods` names what is counted, such as `replicas`."""
    head, tail = _warned(found, pods)
    return printable(head, WARNING - len(tail)) + tail


def _warned(found: Foresight, pods: str) -> tuple[str, str]:
    s = found.sums[0]
    each, free = amount(s.resource, found.each), amount(s.resource, s.free, down=True)
    where = f"{s.resource} {s.kind} of {printable(place(s.scope), _SCOPE)}, {each} each, {free} free"
    match found.obstacle:
        case Obstacle.SHORT:
            bound = amount(s.resource, s.bound, down=True)
            return f"{_so_many(found)} {pods} fit: {where} of {bound}", ""
        case Obstacle.STALL:
            advice = f"; set {found.advice}" if found.advice else ""
            return f"update stalls at {found.fit} of {found.of}: {where}", advice
        case Obstacle.SURGE:
            missing = found.of - found.fit
            return f"no room for {missing} of {found.of} surge pods: {where}", f"; {found.advice} needs none"


def exceeding(found: Foresight, pods: str) -> str:
    """Say in at most 120 characters how many pods go past a threshold in mode warn, which admits them anyway."""
    s, over = found.sums[0], found.of - found.fit
    what = "surge pods" if found.obstacle is Obstacle.SURGE else pods
    pool = "" if s.scope == CLUSTER else f" of {printable(place(s.scope), _SCOPE)}"
    exceed = "exceeds" if over == 1 else "exceed"
    tail = " (mode warn: admitted anyway)"
    head = f"{over} of {found.of} {what} {exceed} the {s.resource} {s.kind} threshold{pool}"
    return printable(head, WARNING - len(tail)) + tail


def _so_many(found: Foresight) -> str:
    return f"only {found.fit} of {found.of}" if found.fit else f"none of {found.of}"


def detail(found: Foresight, pods: str) -> str:
    """Say for a refusal what its sums do not say: how many pods would fit, and what helps."""
    if found.obstacle is Obstacle.SHORT:
        return f"{_so_many(found)} {pods} would fit, which workloads: deny refuses"
    advice = f": set {found.advice}" if found.advice else ""
    return f"its update would stall at {found.fit} of {found.of}, which workloads: deny refuses{advice}"


def form_warning(reason: Reason, wanted: int, pods: str) -> str:
    """Say that pods of this template are refused however much room there is, in at most 120 characters."""
    return f"none of {wanted} {pods} get in: {_FORMS[reason]} (unless a LimitRange sets one)"


def unplaceable_warning(lacking: Lacking, wanted: int, pods: str) -> str:
    """Say that no node can hold any of the pods, in at most 120 characters."""
    return printable(f"none of {wanted} {pods} can run now: one {shortage(lacking)}", WARNING)


def unplaceable_detail(lacking: Lacking) -> str:
    """Say at the beginning of a refusal's detail that no node can hold one of the pods."""
    return f"no node that counts now can hold one of its pods: it {shortage(lacking)}; "


_FORMS = {
    Reason.MISSING_LIMITS: "no memory limit, missingLimits: deny",
    Reason.MISSING_REQUESTS: "no memory request, missingRequests: deny",
}

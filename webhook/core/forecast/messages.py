"""Wording of early answers: what is said of a workload whose pods will not all fit, in short lines or one long one.

The part of a refusal that has the figures of the sums is written by reviews/messages.py, as in every refusal.
"""

from webhook.core.forecast.fit import Foresight, Obstacle
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.messages import WARNING, amount, place, printable, shortage
from webhook.core.reviews.verdict import Reason
from webhook.core.values.scopes import CLUSTER

_SCOPE = 28  # characters of a pool's name, so that the figures and the advice stay on the line


def warning(found: Foresight, pods: str) -> str:
    """Say what comes of it in at most 120 characters; `pods` names what is counted."""
    s = found.sums[0]
    each, free = amount(s.resource, found.each), amount(s.resource, s.free, down=True)
    where = f"{s.resource} {s.kind} of {printable(place(s.scope), _SCOPE)}, {each} each, {free} free"
    match found.obstacle:
        case Obstacle.SHORT:
            bound = amount(s.resource, s.bound, down=True)
            lost = f", and {_running(found.lost)} go" if found.lost else ""
            return printable(f"{_so_many(found)} {pods} fit{lost}: {where} of {bound}", WARNING)
        case Obstacle.STALL:
            lost = f" and takes {_running(found.lost)} away" if found.lost else ""
            return printable(f"update stalls at {found.fit} of {found.of}{lost}: {where}", WARNING)
        case Obstacle.SURGE:
            missing, tail = found.of - found.fit, f"; {found.advice} needs none"
            return printable(f"no room for {missing} of {found.of} surge pods: {where}", WARNING - len(tail)) + tail


def advice(found: Foresight, controller: str) -> str:
    """Say in at most 120 characters what to do about an update, or how fast it goes; empty where there is no more."""
    s = found.sums[0]
    match found.obstacle:
        case Obstacle.SHORT:
            return ""
        case Obstacle.STALL:
            partly = f" (gets to {found.reach} of {found.of})" if found.reach < found.of else ""
            setting = f"set {found.advice}{partly}, " if found.advice else ""
            pool = "" if s.scope == CLUSTER else f" of {printable(place(s.scope), _SCOPE)}"
            way = f"ask for less {s.resource}, or raise thresholds.{s.resource}.{s.kind}{pool}"
            return printable(setting + way, WARNING)
        case Obstacle.SURGE:
            return (
                f"the update ends, as slowly as the {controller} controller retries: up to 16 minutes between two tries"
            )


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
    lost = f" and take {_running(found.lost)} away" if found.lost else ""
    return f"its update would stall at {found.fit} of {found.of}{lost}, which workloads: deny refuses{advice}"


def _running(pods: int) -> str:
    return "1 running pod" if pods == 1 else f"{pods} running pods"


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

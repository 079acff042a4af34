"""Wording: every sentence that a person reads from a review, made from the verdict's data in this one place.

What is asked, committed or missing is rounded up, a bound or what would fit is rounded down, so that no rounding hides
an overrun. Names come from users: what does not print is escaped, and what is long is cut before it hides the rest.
"""

from webhook.core.ledger.places import NO_ALLOCATABLE, Lacking
from webhook.core.reviews.verdict import Decision, Reason, Sum, Verdict
from webhook.core.values.quantity import bytes_text, millis_text
from webhook.core.values.scopes import CLUSTER

WARNING = 120  # characters; kubectl's line stays readable, and the API server cuts at 256
_NAME_IN_WARNING = 36
_SUBJECT_IN_WARNING = 60
_SHORTEST_SUBJECT = 20
_DETAIL = 500
_QUOTA = 4000  # others look for a quota's own words, so they are cut only where nobody reads on


def amount(resource: str, value: int, *, down: bool = False) -> str:
    """Write an amount of memory (bytes) or cpu (millicores) for people."""
    return bytes_text(value, down=down) if resource == "memory" else millis_text(value)


def printable(text: str, most: int) -> str:
    """Put text of unknown origin on one harmless line of at most so many characters."""
    line = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def place(scope: str) -> str:
    """Name a scope in a sentence."""
    return "the cluster" if scope == CLUSTER else f"pool {scope}"


def percent(part: int, whole: int) -> str:
    """Write a ratio, rounded up to a tenth of a percent."""
    tenths = -(-part * 1000 // whole)
    return f"{tenths // 10}.{tenths % 10}%" if tenths % 10 else f"{tenths // 10}%"


def refusal(verdict: Verdict, subject: str, cannot: str = "does not fit") -> str:
    """Say in one line why a pod is refused, or what it `cannot` do, and what to do about it."""
    if verdict.sums:
        more = f" ({printable(verdict.detail, _DETAIL)})" if verdict.detail else ""
        return (
            f"{subject} {cannot}{more}: {'; '.join(map(_broken, verdict.sums))}. "
            f"{_advice(verdict.sums, verdict.lacking)}"
        )
    if verdict.reason is Reason.QUOTA:
        return printable(verdict.detail, _QUOTA)
    if verdict.lacking is not None:
        return (
            f"{subject} cannot run: no node that counts now can hold it: it {shortage(verdict.lacking)}. It would wait "
            "until a larger node comes, which unplaceable: deny refuses. Ask for less"
        )
    return f"{subject} {_REFUSED[verdict.reason].format(detail=printable(verdict.detail, _DETAIL))}"


_REFUSED = {
    Reason.MISSING_LIMITS: "has a container without a memory limit, which missingLimits: deny refuses. "
    "Give every container resources.limits.memory",
    Reason.MISSING_REQUESTS: "requests no memory, which missingRequests: deny refuses. "
    "Give its containers resources.requests.memory",
    Reason.INVALID: "cannot be judged: {detail}",
    Reason.UNAVAILABLE: "cannot be judged now (AccountUnavailable): {detail}. Try again in a moment",
    Reason.AWAITING: "is not let in now (AwaitingEarlierPods): {detail}",
    Reason.NOT_JUDGED: "is not judged: {detail}",
}
_LET_IN = {
    Reason.QUOTA: "is left to its quota: {detail}",
    Reason.MISSING_LIMITS: "has a container without a memory limit",
    Reason.MISSING_REQUESTS: "requests no memory",
    Reason.UNAVAILABLE: "was let in unjudged: {detail}",
    Reason.AWAITING: "is let in, mode enforce would not now: {detail}",
}


def _advice(sums: tuple[Sum, ...], lacking: Lacking | None) -> str:
    if not any(any(s.room) for s in sums):
        return "To ask for less does not help: a node must be uncordoned, repaired, untainted or added"
    nowhere = "" if lacking is None else f"No node that counts now can hold it either: it {shortage(lacking)}. "
    free = ", free some," if any(s.committed or s.granted for s in sums) else ""
    return (
        f"{nowhere}Ask for less{free} or raise {' and '.join(map(_threshold, sums))} in the ConfigMap headroom-config"
    )


def _no_node(s: Sum) -> str:
    """Say that no node counts, and why."""
    reasons = ", ".join(f"{number} {reason}" for reason, number in s.uncounted)
    return f"no node counts: {reasons or 'there is none'}"


def shortage(lacking: Lacking) -> str:
    """Say what a pod asks for, and that none of the nodes it may use has so much, of both resources together."""
    short = [r for r in ("memory", "cpu") if getattr(lacking.need, r) > getattr(lacking.largest, r)]
    asked = " and ".join(_named(r, getattr(lacking.need, r)) for r in short or ("memory", "cpu"))
    if lacking.largest == NO_ALLOCATABLE:
        return f"asks {asked}, and may use no node that counts now"
    if not short:
        return f"asks {asked}, which no node has together"
    return f"asks {asked}, the largest it may use has " + " and ".join(
        _named(r, getattr(lacking.largest, r), down=True) for r in short
    )


def _named(resource: str, value: int, *, down: bool = False) -> str:
    return amount(resource, value, down=down) + ("" if resource == "memory" else " cpu")


def _broken(s: Sum) -> str:
    resource, free = s.resource, s.free
    reached = s.committed + s.granted + s.asked
    usable = amount(resource, max(0, s.allocatable - s.kept), down=True)
    of_what = f"{s.share} of {usable} allocatable" if s.share else "bound"
    of_what = of_what if any(s.room) else _no_node(s)
    kept = f", {amount(resource, s.kept)} kept in reserve" if s.kept else ""
    fits = f"at most {amount(resource, free, down=True)} would fit" if free else "nothing would fit"
    stuck = f" ({amount(resource, s.unplaceable)} of it for pods that no node can hold)" if s.unplaceable else ""
    on_its_way = f" and {amount(resource, s.granted)} granted but not yet there" if s.granted else ""
    return (
        f"{resource} {s.kind} of {place(s.scope)} would be {amount(resource, reached)} of "
        f"{amount(resource, s.bound, down=True)} ({of_what}{kept}): asked {amount(resource, s.asked)}, "
        f"committed {amount(resource, s.committed)}{stuck}{on_its_way}, short by {amount(resource, s.short_by)}, {fits}"
    )


def _threshold(s: Sum) -> str:
    return f"thresholds.{s.resource}.{s.kind}" + ("" if s.scope == CLUSTER else f" of {place(s.scope)}")


_BROKEN = (Reason.MEMORY, Reason.CPU)


def warnings(verdict: Verdict, subject: str) -> tuple[str, ...]:
    """Make the warnings of a verdict that lets the request in; kubectl puts "Warning:" before each."""
    if verdict.decision is not Decision.WARN:
        return ()
    told = _over if verdict.reason in _BROKEN else _near
    lines = [told(s) for s in verdict.sums]
    if verdict.lacking is not None:
        rest = f" waits for a larger node: it {shortage(verdict.lacking)}"
        lines.append(printable(subject, max(_SHORTEST_SUBJECT, WARNING - len(rest))) + rest)
    if verdict.reason in _LET_IN:
        about = printable(subject, _SUBJECT_IN_WARNING)
        lines.insert(0, f"{about} {_LET_IN[verdict.reason].format(detail=verdict.detail)}")
    return tuple(printable(line, WARNING) for line in lines)


def _near(s: Sum) -> str:
    reached = s.committed + s.granted + s.asked
    return (
        f"{s.resource} {s.kind} of {_short(s)} at {percent(reached, s.bound)} of the bound: "
        f"{amount(s.resource, reached)} of {amount(s.resource, s.bound, down=True)}"
    )


def _over(s: Sum) -> str:
    return (
        f"past the bound: {s.resource} {s.kind} of {_short(s)} "
        f"{amount(s.resource, s.committed + s.granted + s.asked)} of {amount(s.resource, s.bound, down=True)}, "
        f"over by {amount(s.resource, s.short_by)}"
    )


def _short(s: Sum) -> str:
    return printable(place(s.scope), _NAME_IN_WARNING)

"""Messages: every sentence that a person reads about a review, made from the data of its verdict.

The figures of a sentence share a unit and add up (shown.py), and no rounding hides an overrun. Names come from users:
characters that do not print are escaped, and a long name is cut before it hides the rest.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from webhook.core.ledger.places import NO_ALLOCATABLE, Lacking
from webhook.core.reviews.shown import Shown, shown
from webhook.core.reviews.verdict import Decision, Reason, Sum, Verdict
from webhook.core.values.quantity import bytes_text, millis_text
from webhook.core.values.scale import Scale, scales
from webhook.core.values.scopes import CLUSTER

WARNING = 120  # characters; kubectl's line stays readable, and the API server cuts at 256
_NAME_IN_WARNING = 36
_SUBJECT_IN_WARNING = 60
_SHORTEST_SUBJECT = 20
_SHORTEST_SCOPE = 12
_REFUSAL = 500  # characters; people do not read more, and Events keep 1,024 bytes
_DETAIL = 200  # characters, in a sentence with figures
_CONTACT = 120
_SCOPE = 63
_QUOTA = 4000  # programs look for a quota's own words, so they are cut only where nobody reads on


def amount(resource: str, value: int, *, down: bool = False) -> str:
    """Write an amount of memory (bytes) or cpu (millicores) for people."""
    return bytes_text(value, down=down) if resource == "memory" else millis_text(value)


def printable(text: str, most: int) -> str:
    """Write text of unknown origin as one line of at most `most` printable characters."""
    line = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def place(scope: str) -> str:
    """Name a scope in a sentence."""
    return "the cluster" if scope == CLUSTER else f"pool {scope}"


def percent(part: int, whole: int) -> str:
    """Write a ratio, rounded up to a tenth of a percent."""
    tenths = -(-part * 1000 // whole)
    return f"{tenths // 10}.{tenths % 10}%" if tenths % 10 else f"{tenths // 10}%"


class Help(NamedTuple):
    """Where a user gets help: the ConfigMap with the thresholds, as namespace/name, and whom to ask (may be empty)."""

    config_map: str = "headroom-system/headroom-config"
    contact: str = ""


NO_HELP = Help()


def refusal(verdict: Verdict, subject: str, act: str = "{}", help_: Help = NO_HELP) -> str:
    """Say in one line why a pod is refused, and what to do about it, in at most 500 characters.

    A long name is cut, and of many sums that are short the sentence has the first ones; what a person needs is never
    cut. `act` says what exceeds the headroom, with `{}` for the subject: the pod itself, or its growth. A quota's own
    words are left as they are.
    """
    if verdict.reason is Reason.QUOTA:
        return printable(verdict.detail, _QUOTA)
    contact = f"; {printable(help_.contact, _CONTACT)}" if help_.contact else ""
    if verdict.sums:
        detail = printable(verdict.detail, _DETAIL)
        said = verdict.sums, verdict.lacking, detail, help_.config_map
        return _whole(act, subject, lambda room: _exceeds(*said, room - len(contact)) + contact)
    if verdict.lacking is not None:
        text = (
            f" cannot run: no node that counts now can hold it: it {shortage(verdict.lacking)}. It would wait "
            f"until a larger node comes, which unplaceable: deny refuses. Ask for less{contact}"
        )
    else:
        frame = _REFUSED[verdict.reason]
        detail = printable(verdict.detail, _REFUSAL - _SHORTEST_SUBJECT - len(frame) - len(contact))
        text = f" {frame.format(detail=detail)}{contact}"
    return _whole("{}", subject, lambda _: text)


def _whole(act: str, subject: str, rest: Callable[[int], str]) -> str:
    """Put a subject, cut as needed, before the rest of a sentence; `rest` makes that from its greatest length."""
    frame = len(act) - len("{}")
    text = rest(_REFUSAL - frame - _SHORTEST_SUBJECT)
    return act.replace("{}", printable(subject, max(_SHORTEST_SUBJECT, _REFUSAL - frame - len(text)))) + text


@lru_cache(maxsize=64)  # in a storm of refusals, most differ only in their subject
def _exceeds(sums: tuple[Sum, ...], lacking: Lacking | None, detail: str, config_map: str, room: int) -> str:
    """Say by how much the headroom is exceeded, and what helps; as many sums as there is room for, at least one."""
    figures = shown(sums)
    more = f" ({detail})" if detail else ""
    advice = f". {_advice(sums, lacking, config_map)}"
    texts = (f" exceeds {_first(count, sums, figures, more)}{advice}" for count in range(len(sums), 0, -1))
    return next((text for text in texts if len(text) <= room), "") or printable(
        f" exceeds {_first(1, sums, figures, more)}{advice}", room
    )


def _first(count: int, sums: tuple[Sum, ...], figures: tuple[Shown, ...], more: str) -> str:
    """Write the first `count` sums, and how many others are short."""
    left = len(sums) - count
    others = f"; {left} more {'sum is' if left == 1 else 'sums are'} short" if left else ""
    return f"{_clauses(sums[:count], figures[:count], more)}{others}"


def _clauses(sums: tuple[Sum, ...], figures: tuple[Shown, ...], more: str) -> str:
    """Write each sum, and before it whose headroom it is, unless that is the same as for the sum before."""
    parts = []
    whose = ""
    for s, each in zip(sums, figures, strict=True):
        named = f"{_possessive(s.scope)} {s.resource} headroom"
        parts.append(_short_of(s, each) if named == whose else f"{named}{more}: {_short_of(s, each)}")
        whose, more = named, ""
    return "; ".join(parts)


def _short_of(s: Sum, figures: Shown) -> str:
    adds = f"it adds {figures.asked} of {s.kind}"
    if not any(s.room):
        reasons = ", ".join(f"{number} {reason}" for reason, number in s.uncounted)
        return f"{adds}, and no node counts ({reasons or 'there is none'})"
    coming = f", {figures.coming} of it for pods being created" if figures.coming else ""
    stuck = f", {figures.stuck} of it for pods that no node can hold" if figures.stuck else ""
    threshold = f"; threshold {s.share} of allocatable" if s.share else ""
    kept = f" less {figures.kept} in reserve" if figures.kept and threshold else ""
    return (
        f"{adds}, {figures.free} is free "
        f"({figures.committed} of {figures.bound} committed{coming}{stuck}{threshold}{kept})"
    )


def _possessive(scope: str) -> str:
    return "the cluster's" if scope == CLUSTER else f"pool {printable(scope, _SCOPE)}'s"


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


def _advice(sums: tuple[Sum, ...], lacking: Lacking | None, config_map: str) -> str:
    if not any(any(s.room) for s in sums):
        return "To ask for less does not help: a node must be uncordoned, repaired, untainted or added"
    nowhere = "" if lacking is None else f"No node that counts now can hold it either: it {shortage(lacking)}. "
    lower = f"Lower its {_listed(s.kind for s in sums)}"
    taken = [s.resource for s in sums if s.committed or s.granted]
    free = f", free {_listed(taken)}, or" if taken else " or"
    thresholds = _listed(map(_threshold, sums))
    return f"{nowhere}{lower}{free} have {thresholds} raised in ConfigMap {config_map}"


def _listed(words: Iterable[str]) -> str:
    """List words, each once."""
    return " and ".join(dict.fromkeys(words))


def shortage(lacking: Lacking) -> str:
    """Say what a pod asks for, and that no node that it may use has so much of both resources together."""
    need, largest = lacking.need, lacking.largest
    short = [r for r in ("memory", "cpu") if getattr(need, r) > getattr(largest, r)]
    texts = {"memory": _apart(need.memory, largest.memory), "cpu": _cpus(need.cpu, largest.cpu)}
    asked = " and ".join(texts[r][0] for r in short or ("memory", "cpu"))
    if largest == NO_ALLOCATABLE:
        return f"asks {asked}, and may use no node that counts now"
    if not short:
        return f"asks {asked}, which no node has together"
    return f"asks {asked}, the largest it may use has " + " and ".join(texts[r][1] for r in short)


def _apart(need: int, largest: int) -> tuple[str, str]:
    """Write the bytes asked and the largest that a node has, in one unit in which the larger amount looks larger."""
    units = scales([need], [largest])
    unit = next((u for u in units if need <= largest or u.up(need) > u.down(largest)), Scale(0, 0))
    return unit.text(unit.up(need)), unit.text(unit.down(largest))


def _cpus(need: int, largest: int) -> tuple[str, str]:
    return f"{millis_text(need)} cpu", f"{millis_text(largest)} cpu"


def _threshold(s: Sum) -> str:
    return ("" if s.scope == CLUSTER else "the pool's ") + f"thresholds.{s.resource}.{s.kind}"


_BROKEN = (Reason.MEMORY, Reason.CPU)


def warnings(verdict: Verdict, subject: str) -> tuple[str, ...]:
    """Return the warnings of a verdict that admits the request; kubectl puts "Warning:" before each."""
    if verdict.decision is not Decision.WARN:
        return ()
    sentence = _over if verdict.reason in _BROKEN else _near
    lines = [sentence(s) for s in verdict.sums]
    if verdict.lacking is not None:
        rest = f" waits for a larger node: it {shortage(verdict.lacking)}"
        lines.append(printable(subject, max(_SHORTEST_SUBJECT, WARNING - len(rest))) + rest)
    if verdict.reason in _LET_IN:
        about = printable(subject, _SUBJECT_IN_WARNING)
        lines.insert(0, f"{about} {_LET_IN[verdict.reason].format(detail=verdict.detail)}")
    return tuple(printable(line, WARNING) for line in lines)


def _near(s: Sum) -> str:
    (figures,) = shown((s,))
    share = percent(s.committed + s.granted + s.asked, s.bound)
    return _fitted(s, f"at {share} of the threshold: {figures.reached} of {figures.bound}", "")


def _over(s: Sum) -> str:
    (figures,) = shown((s,))
    return _fitted(s, f"{figures.reached} of {figures.bound}, over by {figures.over}", "past the threshold: ")


def _fitted(s: Sum, figures: str, begin: str) -> str:
    """Name a sum before its figures; a long name of its scope is cut to the room that the figures leave."""
    what = f"{begin}{s.resource} {s.kind} of "
    room = WARNING - len(what) - len(figures) - 1
    return f"{what}{printable(place(s.scope), max(_SHORTEST_SCOPE, min(_NAME_IN_WARNING, room)))} {figures}"

"""What would come of another configuration or other nodes, in sentences for people."""

from collections.abc import Iterator
from typing import Final

from webhook.core.forecast.questions import More, SimulateAnswer
from webhook.core.values.quantity import bytes_text, millis_text

_NAMED: Final = 5


def simulated(answer: SimulateAnswer) -> Iterator[str]:
    """Yield sentences: what would be over and who holds it, what would come, and what would become of lost pods."""
    if not answer.over:
        yield "Everything would be within its threshold."
    for each in answer.over:
        amount = bytes_text(each.over) if each.sum.startswith("memory") else millis_text(each.over)
        where = "the cluster" if each.scope == "cluster" else f"pool {each.scope}"
        holders = ", ".join(each.holders)
        yield f"{each.sum.capitalize()} of {where} would be over by {amount}; most of it is held by {holders}."
    if answer.more is not None:
        yield from _more(answer.more)
    if answer.displaced:
        yield f"{answer.admitted} of {answer.displaced} pods of the nodes that go would be admitted again."
    if answer.refused:
        left = answer.displaced - answer.admitted - len(answer.refused)
        yield f"Refused: {', '.join(answer.refused)}{f' and {left} more' if left else ''}."


def _more(more: More) -> Iterator[str]:
    requests, limits = bytes_text(more.memory_requests), bytes_text(more.memory_limits)
    pods = f"{more.pods} more pod{'' if more.pods == 1 else 's'}"
    yield (
        f"{pods} would come, with {requests} of requests and {limits} of limits." if more.pods else "No pod would come."
    )
    if more.unknown:
        left = len(more.unknown) - _NAMED
        named = f"{', '.join(more.unknown[:_NAMED])}{f' and {left} more' if left > 0 else ''}"
        yield f"What a pod asks is not known of {named}: no pod lives, and there is no template."

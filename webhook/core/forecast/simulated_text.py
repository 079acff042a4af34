"""What would come of another configuration or other nodes, in sentences for people."""

from collections.abc import Iterator

from webhook.core.forecast.questions import SimulateAnswer
from webhook.core.values.quantity import bytes_text, millis_text


def simulated(answer: SimulateAnswer) -> Iterator[str]:
    """Yield sentences: what would be over and who holds it, and what would become of the pods of nodes that go."""
    if not answer.over:
        yield "Everything would be within its threshold."
    for each in answer.over:
        amount = bytes_text(each.over) if each.sum.startswith("memory") else millis_text(each.over)
        where = "the cluster" if each.scope == "cluster" else f"pool {each.scope}"
        holders = ", ".join(each.holders)
        yield f"{each.sum.capitalize()} of {where} would be over by {amount}; most of it is held by {holders}."
    if answer.displaced:
        yield f"{answer.admitted} of {answer.displaced} pods of the nodes that go would be admitted again."
    if answer.refused:
        left = answer.displaced - answer.admitted - len(answer.refused)
        yield f"Refused: {', '.join(answer.refused)}{f' and {left} more' if left else ''}."

"""Requests: creates and changes of pods that the API server processes, from the review to their end."""

from dataclasses import dataclass, field
from enum import Enum

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import UNBORN

WINDOW = 44.0  # seconds from its start within which a create may be committed; a little less than the lapse


class State(Enum):
    """The state of a request."""

    ASKED = "asked"  # no replica has answered yet
    ALLOWED = "allowed"  # it may be committed at any time
    ENDED = "ended"  # committed, refused, or given up


@dataclass(eq=False)
class Request:
    """One create of a pod, or one change of its size or confinement.

    `forced`: policy lets it in, without a grant; with `on_trial`, only after the verdict of enforcing is known.
    """

    pod: PodInfo
    start: float
    forced: bool = False
    on_trial: bool = False
    state: State = State.ASKED
    refused: bool = False
    asked_of: set[str] = field(default_factory=set)

    def may_come(self, now: float) -> bool:
        """Say whether the pod may still be committed."""
        return self.state is State.ALLOWED and now <= self.start + WINDOW

    @property
    def is_change(self) -> bool:
        """Say whether the request changes an existing pod."""
        return self.pod.before != UNBORN

    @property
    def is_asked(self) -> bool:
        """Say whether the request still waits for its verdict."""
        return self.state is State.ASKED

"""Several replicas on trial, step by step in any order: together they report exactly what is past the threshold."""

from collections import Counter
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.accounts import pod
from tests.support.examples import examples
from tests.support.replica import Judge, response, review
from webhook.admission.pending import PendingReview
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.sharing.credit import SHARES, Shares
from webhook.core.sharing.shared_state import Shared
from webhook.http.messages import Response


class Together:
    """Replicas, the object that they share by compare-and-swap, and the pods that were made."""

    def __init__(self, replicas: int, memory: int, mode: str, shares: Shares | None) -> None:
        self.shared: Shared | None = None
        self.revision = 0
        self.pods: list[str] = []
        self.shown = [0] * replicas
        self.waiting: list[tuple[str, PendingReview]] = []
        self.judges = [Judge(f"r{number}", shares=shares) for number in range(replicas)]
        for judge in self.judges:
            judge.configure(f"mode: {mode}")
            judge.sync(memory)
        for number in cycle(range(replicas)):
            if all(judge.admission.state.readiness.unready() is None for judge in self.judges):
                break
            self.book(number)
            self.hear(number)
        for judge in self.judges:
            judge.clock.wait(1.0)  # until they were ready, it was as in an outage

    def ask(self, number: int, name: str) -> None:
        """Ask a replica about a pod."""
        answer = self.judges[number].ask(review(name), timeout=60.0)
        if isinstance(answer, Response):
            self._answered(name, answer)
        else:
            self.waiting.append((name, answer))

    def _answered(self, name: str, answer: Response) -> None:
        assert response(answer)["allowed"]
        self.pods.append(name)

    def book(self, number: int) -> None:
        """Let a replica write; it loses if it has not heard of the last write."""
        admission = self.judges[number].admission
        proposed = admission.state.bookings.next_proposal("epoch", fresh=True, may_write=True)
        if proposed is not None:
            proposal, revision = proposed
            if revision == self.revision:
                self.shared, self.revision = proposal.shared, self.revision + 1
                admission.state.bookings.written(proposal, self.revision)
            else:
                known = admission.state.bookings.newest()
                admission.state.bookings.lost(proposal, self.shared, self.revision, known)
        settled = [(name, waiting) for name, waiting in self.waiting if waiting.answer.done()]
        self.waiting = [each for each in self.waiting if each not in settled]
        for name, waiting in settled:
            self._answered(name, waiting.answer.result(0))

    def hear(self, number: int) -> None:
        """Let a replica's watch tell of the object."""
        self.judges[number].admission.state.bookings.observe(self.shared, self.revision)

    def show(self, number: int, most: int) -> None:
        """Let a replica's watch tell of some more pods, in order."""
        begin = self.shown[number]
        for name in self.pods[begin : begin + most]:
            self.shown[number] += 1
            seen = pod(name, 1, "node", uid=f"pod-{name}", revision=101 + self.shown[number])
            self.judges[number].admission.state.see_pod(seen)

    def finish(self) -> None:
        """Let everything come to its end."""
        for _ in range(100):
            if not self.waiting:
                return
            for number in range(len(self.judges)):
                self.hear(number)
                self.book(number)
                self.show(number, 100)
        pytest.fail(f"{len(self.waiting)} reviews wait for ever")

    @property
    def said(self) -> Counter[tuple[Decision, Reason]]:
        """What was decided, by all."""
        return Counter((d.verdict.decision, d.verdict.reason) for judge in self.judges for d in judge.decided)


steps = st.tuples(st.sampled_from(["ask", "ask", "book", "hear", "show"]), st.integers(0, 2), st.integers(1, 4))


@settings(max_examples=examples(60))
@given(
    st.sampled_from([("warn", Decision.WARN), ("audit", Decision.AUDIT)]),
    st.integers(1, 3),
    st.integers(1, 12),
    st.sampled_from([None, SHARES]),
    st.lists(steps, max_size=80),
)
def test_what_is_reported_is_what_is_past_the_threshold(
    mode: tuple[str, Decision], replicas: int, fit: int, shares: Shares | None, schedule: list[tuple[str, int, int]]
) -> None:
    together = Together(replicas, fit, mode[0], shares)
    asked = 0
    for step, which, most in schedule:
        number = which % replicas
        match step:
            case "ask":
                for _ in range(most):
                    together.ask(number, f"p{asked}")
                    asked += 1
            case "book":
                together.book(number)
            case "hear":
                together.hear(number)
            case "show":
                together.show(number, most)
    together.finish()
    expected = Counter({(Decision.ALLOW, Reason.FITS): min(asked, fit), (mode[1], Reason.MEMORY): max(0, asked - fit)})
    assert together.said == +expected

"""Sightings: which versions the replicas of the API server were seen to have, and which rules follow from that."""

from webhook.core.pods.rules import Rules, RuleSet, in_order

KEPT = 300.0  # seconds


class Sightings:
    """Remembers each rule set for a while after a replica of the API server was last seen that counts by it.

    So while an upgrade goes from replica to replica, old and new are both in force, and the larger figure counts.
    """

    def __init__(self, kept: float = KEPT) -> None:
        self._kept = kept
        self._seen: dict[RuleSet, float] = {}

    def see(self, rule_set: RuleSet, now: float) -> Rules:
        """Take in what one replica counts by; return the rules in force."""
        self._seen[rule_set] = now
        self._seen = {each: at for each, at in self._seen.items() if now - at <= self._kept}
        return in_order(frozenset(self._seen))

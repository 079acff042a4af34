"""Overlaps: pools that select the same nodes are told of once: which thresholds hold there hangs on their order."""

import logging
from collections.abc import Mapping

log = logging.getLogger(__name__)


class PoolOverlaps:
    """Remembers which pools were told of; a pair comes with the pool that has the nodes first."""

    def __init__(self) -> None:
        self._told: frozenset[tuple[str, str]] = frozenset()

    def tell(self, nodes: Mapping[tuple[str, str], int]) -> None:
        """Log what is new: by pair, how many nodes both select."""
        before, self._told = self._told, frozenset(nodes)
        for pool, other in sorted(self._told - before):
            log.warning(
                "pools %s and %s both select nodes (%d now): they belong to %s, which is listed first",
                pool,
                other,
                nodes[pool, other],
                pool,
            )
        for pool, other in sorted(before - self._told):
            log.info("pools %s and %s select no node together any more", pool, other)

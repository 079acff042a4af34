"""Logs each pair of pools that select the same nodes, once. The order of the pools decides which thresholds apply."""

import logging
from collections.abc import Mapping

log = logging.getLogger(__name__)


class PoolOverlaps:
    """Remembers which pairs of pools were logged; the first pool of a pair is the one that the nodes belong to."""

    def __init__(self) -> None:
        self._logged: frozenset[tuple[str, str]] = frozenset()

    def tell(self, nodes: Mapping[tuple[str, str], int]) -> None:
        """Log pairs that are new or gone; `nodes` gives, for each pair, how many nodes both pools select."""
        before, self._logged = self._logged, frozenset(nodes)
        for pool, other in sorted(self._logged - before):
            log.warning(
                "pools %s and %s both select nodes (%d now): they belong to %s, which is listed first",
                pool,
                other,
                nodes[pool, other],
                pool,
            )
        for pool, other in sorted(before - self._logged):
            log.info("pools %s and %s no longer select the same node", pool, other)

"""Rules: how each version of Kubernetes counts what a pod commits, and what its API server fills in, as values.

The rule is that of `PodRequests` and `PodLimits` in k8s.io/component-helpers/resource, with the scheduler's options
(UseStatusResources, InPlacePodLevelResourcesVerticalScalingEnabled, UseDRANodeAllocatableResourceClaimStatus). It
changed with 1.37 (kubernetes/kubernetes#140047), and changes again with 1.38, as its first beta has it. Whatever
depends on the version stands here as a field and is asked for by its name; no other module compares versions.
"""

import re
from typing import Final, Literal, NamedTuple

from msgspec import Struct

_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\D.*)?", re.ASCII | re.DOTALL)


class RuleSet(Struct, frozen=True, eq=False):
    """How one minor version of Kubernetes counts; compared by identity, so that it is a fast key.

    `largest_of`: of what a pod asks for, what is allocated and what is in force, the largest counts, either of each
    container, or of the sums over all containers.
    """

    version: str
    minor: int
    largest_of: Literal["container", "sum"]
    claims: Literal["resources", "mapped", "mapped by container"]  # how DRA's claims report what they allocate
    fills_in_pod_limits: bool  # the API server fills in limits of a pod with requests of its own
    counts_some_limits: bool  # the limits of a pod count though one of its containers has none
    heeds_empty_pod_level: bool  # resources of a pod as a whole that name nothing make it a pod of the best effort


KUBERNETES_1_36: Final = RuleSet("1.36", 36, "container", "resources", False, True, True)
KUBERNETES_1_37: Final = RuleSet("1.37", 37, "sum", "mapped", True, True, False)
KUBERNETES_1_38: Final = RuleSet("1.38", 38, "sum", "mapped by container", True, False, False)

RULE_SETS: Final = (KUBERNETES_1_36, KUBERNETES_1_37, KUBERNETES_1_38)
"""The oldest first. The last one is of a version that is not released yet."""

Rules = tuple[RuleSet, ...]
"""The rule sets in force, the oldest first: of several, the larger figure counts."""

NEWEST: Final[Rules] = (KUBERNETES_1_37,)
"""Those of the newest version that is released."""


class Chosen(NamedTuple):
    """The rule set of a version, and whether that is newer than all that are known here."""

    rule_set: RuleSet
    is_newer: bool = False


class VersionError(ValueError):
    """A text that is not a version of Kubernetes; the message says what a version looks like."""


def chosen(version: str) -> Chosen:
    """Return the rule set of a version such as `1.37`, `v1.37.2` or `1.36+`; raises `VersionError`.

    Versions before the first that is known counted like it, as far as they run with Headroom.
    """
    found = _VERSION.fullmatch(version.strip())
    if found is None:
        shown = version if len(version) <= 40 else f"{version[:40]}…"
        raise VersionError(f"{shown!r} is not a version of Kubernetes; write for example {NEWEST[-1].version}")
    major, minor = int(found[1]), int(found[2])
    known = [each for each in RULE_SETS if (1, each.minor) <= (major, minor)]
    rule_set = known[-1] if known else RULE_SETS[0]
    return Chosen(rule_set, (major, minor) > (1, RULE_SETS[-1].minor))


def in_order(rule_sets: frozenset[RuleSet]) -> Rules:
    """Return rule sets as rules."""
    return tuple(each for each in RULE_SETS if each in rule_sets)


def names(rules: Rules) -> str:
    """Name the versions, for people: `1.37`, or `1.36 and 1.37`."""
    return " and ".join(each.version for each in rules)

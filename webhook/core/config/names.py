"""Names as Kubernetes spells them, for the places where the configuration refers to something in the cluster.

The syntax is that of k8s.io/apimachinery/pkg/util/validation: DNS-1123 labels and subdomains, qualified names.
Each pattern bounds the length before it repeats anything, so no text makes it slow.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, ClassVar, Self

from msgspec import Meta

from webhook.core.values.notation import Notation, quoted

_DNS_PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_QUALIFIED = rf"^((?=[^/]{{1,253}}/){_DNS_PART}(\.{_DNS_PART})*/)?{_NAME}$"

LabelKey = Annotated[str, Meta(pattern=_QUALIFIED, title="a label key", examples=["karpenter.sh/nodepool"])]
LabelValue = Annotated[str, Meta(pattern=f"^({_NAME})?$", title="a label value", examples=["high-mem"])]
TaintKey = Annotated[
    str, Meta(pattern=_QUALIFIED, title="a taint key", examples=["node-role.kubernetes.io/control-plane"])
]
PoolName = Annotated[
    str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", title="a pool name", examples=["high-mem"])
]
PriorityClassName = Annotated[
    str,
    Meta(
        pattern=rf"^(?=.{{1,253}}$){_DNS_PART}(\.{_DNS_PART})*$",
        title="a priority class",
        examples=["system-cluster-critical"],
    ),
]

# Without control characters, and without characters that reorder or break a line in a terminal.
_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]{0,120}$"
Contact = Annotated[
    str, Meta(pattern=_LINE, title="a line of up to 120 printable characters", examples=["ask #platform"])
]


@dataclass(frozen=True, slots=True)
class NamespacePattern(Notation):
    """A pattern of namespace names: `*` matches any run of characters, also the empty one."""

    title: ClassVar[str] = "a namespace pattern"
    pattern: ClassVar[str] = r"^[a-z0-9*]([-a-z0-9*]{0,61}[a-z0-9*])?$"
    example: ClassVar[str] = "staging-*"

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a namespace name that may contain `*`; raises ValueError for anything else."""
        if not re.fullmatch(cls.pattern, text):
            raise ValueError(
                f"{quoted(text)} is not a namespace name or pattern; write a name, or a pattern such as {cls.example}"
            )
        return cls(text)

    def matches(self, namespace: str) -> bool:
        """Say whether the whole name matches; case matters."""
        return fnmatchcase(namespace, self.text)  # of the wildcards of `fnmatch`, `parse` accepts only `*`

    def __str__(self) -> str:
        """Return the pattern."""
        return self.text


def fits_any(patterns: frozenset[NamespacePattern], namespace: str) -> bool:
    """Say whether a namespace matches any of the patterns; every review asks this, so answers are cached."""
    return _remembered(patterns, namespace) if len(namespace) <= _LONGEST else _fits_any(patterns, namespace)


def _fits_any(patterns: frozenset[NamespacePattern], namespace: str) -> bool:
    return any(pattern.matches(namespace) for pattern in patterns)


_LONGEST = 63  # characters of a namespace; a hand-made review may name a longer one
_remembered = lru_cache(maxsize=4096)(_fits_any)

"""The query of the page: what its URL says, as a value; a link is made from it again."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

_BY: Final = ("namespace", "workload", "pod")
_TRY: Final = "try."  # begins the names of parameters with settings to try
_MOST_PARAMETERS: Final = 100
_LONGEST: Final = 253  # characters of a value, as long as any name of Kubernetes


class Query(NamedTuple):
    """What the URL says: which list, searched for what, in what order, which page. A link shows the same to anybody.

    `by` is namespace, workload or pod; `ns` is the namespace that is looked into, which pods need. `tried` has settings
    to try by their path, and `lost` nodes to try without.
    """

    by: str = "namespace"
    ns: str = ""
    q: str = ""
    sort: str = ""
    page: int = 1
    nodes_q: str = ""
    nodes_sort: str = ""
    nodes_page: int = 1
    tried: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()

    def parameters(self, **changed: Any) -> list[tuple[str, str]]:
        """Return the parameters of a URL with some of them changed, without those that say what is usual."""
        made = self._replace(**changed)
        found = [
            (name, str(value))
            for (name, value), usual in zip(made._asdict().items(), Query(), strict=True)
            if value != usual and name not in ("tried", "lost")
        ]
        found += [(f"{_TRY}{path}", value) for path, value in made.tried]
        return [*found, *(("lost", node) for node in made.lost)]

    @property
    def asks_what_if(self) -> bool:
        """Say whether anything is tried."""
        return bool(self.tried or self.lost)


def query_of(pairs: Iterable[tuple[str, str]]) -> Query:
    """Read the parameters of a URL; what cannot be read is as if it were not there."""
    parameters: dict[str, str] = {}
    tried: dict[str, str] = {}
    lost: list[str] = []
    for name, value in list(pairs)[:_MOST_PARAMETERS]:
        if name.startswith(_TRY):
            tried[name.removeprefix(_TRY)[:_LONGEST]] = value[:_LONGEST]
        elif name == "lost":
            lost.append(value[:_LONGEST])
        else:
            parameters[name] = value[:_LONGEST]

    def number(name: str) -> int:
        text = parameters.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 1

    ns, by = parameters.get("ns", ""), parameters.get("by", "namespace")
    if by not in _BY or (by == "pod" and not ns):
        by = "namespace"
    return Query(
        by,
        ns,
        parameters.get("q", ""),
        parameters.get("sort", ""),
        number("page"),
        parameters.get("nodes_q", ""),
        parameters.get("nodes_sort", ""),
        number("nodes_page"),
        tuple(tried.items()),
        tuple(dict.fromkeys(filter(None, lost))),
    )

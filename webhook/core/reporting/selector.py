"""Label selectors as `kubectl -l` takes them: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, joined by commas.

The rules are those of k8s.io/apimachinery/pkg/labels: `!=` and `notin` also select what lacks the label.
"""

import re
from collections.abc import Callable, Mapping

from msgspec import Struct

_KEY = r"(?:[a-z0-9][a-z0-9.-]{0,252}/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
_EXISTS = re.compile(rf"(?P<no>!?)\s*(?P<key>{_KEY})")
_EQUALS = re.compile(rf"(?P<key>{_KEY})\s*(?P<how>==?|!=)\s*(?P<value>{_VALUE})")
_IN = re.compile(rf"(?P<key>{_KEY})\s+(?P<how>in|notin)\s*\((?P<values>\s*{_VALUE}\s*(?:,\s*{_VALUE}\s*)*)\)")
_PARTS = re.compile(r",(?![^(]*\))")
EXAMPLES = "zone=a, disk!=ssd, tier in (web,db), tier notin (web), gpu or !gpu"


class Requirement(Struct, frozen=True, gc=False):
    """One requirement: the label has one of the values (None: any), or, `negated`, it has none of them."""

    key: str
    values: frozenset[str] | None
    negated: bool

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels meet it."""
        value = labels.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found is not self.negated


def parse(text: str) -> Callable[[Mapping[str, str]], bool]:
    """Return whether labels fit the selector, as a function; raises ValueError."""
    requirements = [_requirement(part.strip()) for part in _PARTS.split(text)]
    return lambda labels: all(each.fits(labels) for each in requirements)


def _requirement(part: str) -> Requirement:
    if form := _EXISTS.fullmatch(part):
        return Requirement(form["key"], None, bool(form["no"]))
    if form := _EQUALS.fullmatch(part):
        return Requirement(form["key"], frozenset({form["value"]}), form["how"] == "!=")
    if form := _IN.fullmatch(part):
        values = frozenset(each.strip() for each in form["values"].split(","))
        return Requirement(form["key"], values, form["how"] == "notin")
    raise ValueError(f"{part!r} is not a requirement of a label; write for example {EXAMPLES}")

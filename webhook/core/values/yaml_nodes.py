"""YAML text → nodes, with every alias resolved and no scalar.

PyYAML's own composer is recursive C without a limit: a few kilobytes of `[` end the process. And libyaml takes time in
proportion to the square of the depth: minutes for 200,000. So nodes are composed here from its events, which come one
at a time, and text that is nested too deeply is refused where that begins.
"""

from collections.abc import Iterator

import yaml
from yaml.composer import ComposerError

MOST_DEPTH = 200  # levels; the deepest schemas of CustomResourceDefinitions have 60
PLAIN = "plain"  # the tag of a scalar that has neither quotes nor a tag
TAG = "tag:yaml.org,2002:"


def compose(data: str | bytes) -> Iterator[yaml.Node]:
    """Yield the node of every document that is not empty.

    Raises `yaml.YAMLError`, also for text that is nested too deeply, and UnicodeEncodeError for text that no UTF-8 has.
    An alias may stand for a node that contains it.
    """
    events = yaml.parse(data, Loader=yaml.CSafeLoader)
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            yield _node(events, next(events), {}, 1)


def _node(events: Iterator[yaml.Event], event: yaml.Event, anchors: dict[str, yaml.Node], depth: int) -> yaml.Node:
    if depth > MOST_DEPTH:
        raise _error(event, f"it is nested more than {MOST_DEPTH} levels deep")
    match event:
        case yaml.AliasEvent(anchor=name):
            if name not in anchors:
                raise _error(event, "found undefined alias")
            return anchors[name]
        case yaml.ScalarEvent(value=text, implicit=(plain, _), tag=tag):
            node: yaml.Node = yaml.ScalarNode(tag or (PLAIN if plain else f"{TAG}str"), text)
            _anchor(event, node, anchors)
            return node
        case yaml.SequenceStartEvent(tag=tag):
            items: list[yaml.Node] = []
            node = yaml.SequenceNode(tag or f"{TAG}seq", items)
            _anchor(event, node, anchors)
            while not isinstance(each := next(events), yaml.SequenceEndEvent):
                items.append(_node(events, each, anchors, depth + 1))
            return node
        case yaml.MappingStartEvent(tag=tag):
            pairs: list[tuple[yaml.Node, yaml.Node]] = []
            node = yaml.MappingNode(tag or f"{TAG}map", pairs)
            _anchor(event, node, anchors)
            while not isinstance(each := next(events), yaml.MappingEndEvent):
                key = _node(events, each, anchors, depth + 1)
                pairs.append((key, _node(events, next(events), anchors, depth + 1)))
            return node
    raise _error(event, "a value is missing")


def _anchor(event: yaml.NodeEvent, node: yaml.Node, anchors: dict[str, yaml.Node]) -> None:
    if event.anchor:
        anchors[event.anchor] = node


def _error(event: yaml.Event, problem: str) -> ComposerError:
    at = event.start_mark
    mark = None if at is None else yaml.Mark("", at.index, at.line, at.column, None, 0)
    return ComposerError(problem=problem, problem_mark=mark)

"""YAML without its surprises: text → a tree of mappings, lists and scalars, each scalar with a note of its quotes.

Scalars are not resolved here. The type of a setting decides what `75`, `off` or `1.10` means, so no text turns silently
into a number or a boolean (YAML 1.1 reads `off` as false and `1:30` as 90). These are refused: keys written twice
(the last would win unnoticed), tags, aliases (a few lines of them expand to gigabytes), and several documents.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import yaml

from webhook.core.config.errors import Place
from webhook.core.values.notation import quoted

MOST_BYTES = 64 * 1024  # hundreds of pools with their thresholds; read in 0.3 s at the worst
MOST_DEPTH = 16  # the schema needs 5
NO_TEXT = re.compile(  # what some version of YAML reads as a number or a boolean if it has no quotes
    r"(true|false|[-+]?(\.?[0-9][0-9._]*(e[-+]?[0-9]+)?|0x[0-9a-f]+|0o[0-7]+|\.inf|\.nan))\Z", re.IGNORECASE
)


class Scalar(NamedTuple):
    """One scalar; `plain` if it has no quotes, so that a YAML parser might read it as something other than text."""

    text: str
    plain: bool


Tree: TypeAlias = "Scalar | list[Tree] | dict[str, Tree]"


def read_tree(text: str, place: Place) -> Tree:
    """Read one document; reports keys written twice to `place`, and raises `ConfigError` for any other fault."""
    try:
        if len(text.encode()) > MOST_BYTES:
            raise place.error(f"is too long; keep it within {MOST_BYTES // 1024} KiB")
        return _document(yaml.parse(text, Loader=yaml.CSafeLoader), place)
    except UnicodeEncodeError as error:
        raise place.error("is not valid text; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise place.error(_syntax(error)) from error


def _document(events: Iterator[yaml.Event], place: Place) -> Tree:
    next(events)  # the stream's start
    if isinstance(next(events), yaml.StreamEndEvent):
        return Scalar("", plain=True)
    tree = _node(events, next(events), place)
    next(events)  # the document's end
    if not isinstance(next(events), yaml.StreamEndEvent):
        raise place.error("has more than one YAML document; remove all but one and the line ---")
    return tree


def _node(events: Iterator[yaml.Event], event: yaml.Event, place: Place, depth: int = 1) -> Tree:
    if depth > MOST_DEPTH:
        raise place.error("is nested too deeply; docs/configuration.md shows the keys that there are")
    match event:
        case yaml.AliasEvent():
            raise place.error("is a YAML alias, which is not read here; write the value out")
        case yaml.ScalarEvent(tag=str(tag)) | yaml.CollectionStartEvent(tag=str(tag)):
            raise place.error(f"has the YAML tag {quoted(tag)}, which is not read here; leave it out")
        case yaml.ScalarEvent(value=text, implicit=(plain, _)):
            return Scalar(text, plain)
        case yaml.SequenceStartEvent():
            items = enumerate(_until(yaml.SequenceEndEvent, events))
            return [_node(events, item, place.item(index), depth + 1) for index, item in items]
        case _:
            return _mapping(events, place, depth)


def _mapping(events: Iterator[yaml.Event], place: Place, depth: int) -> dict[str, Tree]:
    tree: dict[str, Tree] = {}
    for event in _until(yaml.MappingEndEvent, events):
        key = _node(events, event, place, depth + 1)
        if not isinstance(key, Scalar):
            raise place.error("has a list or a mapping for a key; a key is one word")
        value = _node(events, next(events), place.key(key.text), depth + 1)
        if key.text in tree:
            place.key(key.text).report("is written twice; keep one of them")
        tree.setdefault(key.text, value)
    return tree


def _until(end: type[yaml.Event], events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    while not isinstance(event := next(events), end):
        yield event


def _syntax(error: yaml.YAMLError) -> str:
    where = "somewhere"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        where = f"in line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
    return f"is not valid YAML {where}: {what}; check indentation, brackets and quotes there"

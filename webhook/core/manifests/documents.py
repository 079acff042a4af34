"""Documents: from YAML or JSON text to one value for each document, read as kubectl reads it.

kubectl converts YAML to JSON with sigs.k8s.io/yaml, whose rules (go.yaml.in/yaml/v2, resolve.go) lie between YAML 1.1
and 1.2: `1e3` and `0o17` are numbers, `off` is false, `1:30` and a date stay text. Anchors and merge keys work. If a
key is written twice, the last one counts.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import TypeAlias

import yaml

from webhook.core.values.notation import quoted
from webhook.core.values.yaml_nodes import PLAIN, TAG, compose

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"

_MOST_VALUES = 1_000_000  # a limit, because a few lines of aliases expand to any number of values
_LARGEST_WHOLE = 1e21  # from here on Go's JSON writes an exponent

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|(?P<d>0|[1-9][0-9]*))"
)
_BASES = {"x": 16, "b": 2, "o": 8, "d": 10}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-")

_RESOLVED = {PLAIN, *(f"{TAG}{kind}" for kind in ("int", "float", "bool", "null"))}
_MERGE = "<<"
_SPACE = re.compile(r"\s*")
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


class ManifestError(ValueError):
    """A document cannot be read; the message has its number, counted from 1, and the fault."""

    def __init__(self, document: int, fault: str) -> None:
        super().__init__(f"document {document}: {fault}")


def documents(data: bytes) -> Iterator[Value]:
    """Yield the value of every document, None for an empty one; raises `ManifestError`."""
    number = 1
    try:
        for each in _json(data) if data.lstrip().startswith(b"{") else _yaml(data):
            yield each
            number += 1
    except yaml.YAMLError as error:
        raise ManifestError(number, _syntax(error)) from error
    except RecursionError as error:
        raise ManifestError(number, "is nested too deeply") from error
    except ValueError as error:
        raise ManifestError(number, str(error)) from error


def scalar(text: str) -> Value:
    """Resolve a scalar without quotes to its value."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or _DATE.match(text):  # also text that only starts like a date is not a number
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    integer = _INTEGER.fullmatch(digits)
    if integer and integer.lastgroup:
        value = int(integer["sign"] + integer[integer.lastgroup], _BASES[integer.lastgroup])
        if -(2**63) <= value < 2 ** (63 if integer["sign"] else 64):
            return value
    if _FLOAT.fullmatch(digits) and math.isfinite(number := float(digits)):
        return number
    return text


def _json(data: bytes) -> Iterator[Value]:
    """Read JSON documents one after the other; flow-style YAML, which also begins with `{`, is read as YAML."""
    text = data.decode()
    decoder = json.JSONDecoder(parse_constant=_no_number)
    values, at = [], 0
    while (at := _SPACE.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it always matches
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            yield from _yaml(data)
            return
        values.append(_whole(value))
    yield from values


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")


def _yaml(data: bytes) -> Iterator[Value]:
    for node in compose(data):
        _Size().of(node)
        yield _value(node)


class _Size:
    """Counts the values of a node with its aliases expanded."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def of(self, node: yaml.Node) -> int:
        """Return the number of values; raises ValueError for too many, and for a node that contains itself."""
        known = self._known.get(id(node))
        if known is None:
            self._known[id(node)] = -1
            known = self._known[id(node)] = 1 + sum(self.of(each) for each in _inner(node))
        if known < 0:
            raise ValueError("has an alias inside its own anchor")
        if known > _MOST_VALUES:
            raise ValueError(f"comes to more than {_MOST_VALUES:,} values with its aliases written out")
        return known


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _value(node: yaml.Node) -> Value:
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Value] = {}
        for key, each in node.value:
            if key.tag == PLAIN and key.value == _MERGE:
                _merge(mapping, each)
            else:
                mapping[_key(key)] = _value(each)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(each) for each in node.value]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Value:
    if node.tag == f"{TAG}binary":
        raise ValueError("has the YAML tag !!binary, which is not read here; write the text itself")
    if node.tag not in _RESOLVED:
        return str(node.value)
    value = scalar(node.value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{quoted(node.value)} is not a number in JSON")
    return _whole(value)


def _merge(mapping: dict[str, Value], node: yaml.Node) -> None:
    """Add the keys of another mapping, or of several, of which the first takes precedence."""
    for each in reversed(node.value) if isinstance(node, yaml.SequenceNode) else [node]:
        match _value(each):
            case dict() as merged:
                mapping.update(merged)
            case _:
                raise ValueError("merges (<<) a value that is not a mapping")


def _key(node: yaml.Node) -> str:
    key = _value(node)
    match key:
        case bool():
            return str(key).lower()
        case str() | int() | float():
            return str(key)
    raise ValueError(f"has a key that is not text: {quoted(repr(key))}")


def _whole(value: Value) -> Value:
    """Turn whole floats into integers, as Go's JSON writes them (3.0 is 3), and text into valid Unicode."""
    match value:
        case float() if value.is_integer() and abs(value) < _LARGEST_WHOLE:
            return int(value)
        case dict():
            return {_sound(key): _whole(each) for key, each in value.items()}
        case list():
            return [_whole(each) for each in value]
        case str():
            return _sound(value)
    return value


def _sound(text: str) -> str:
    """Replace half a surrogate pair, which only JSON's escapes can write, as Go's JSON does."""
    return text if text.isascii() else _HALF_A_PAIR.sub("\N{REPLACEMENT CHARACTER}", text)


def _syntax(error: yaml.YAMLError) -> str:
    where = "somewhere"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        where = f"in line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
    return f"is not valid YAML {where}: {what}"

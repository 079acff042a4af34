"""Text → configuration: one pass finds every problem, each with its path.

Only the checks that compare settings with each other (`Group.faults`) run later: once these settings can be read.
"""

import re
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, cast

from msgspec import inspect

from webhook.core.config.config import API_VERSION, HeadroomConfig
from webhook.core.config.errors import ConfigError, Place, Problem
from webhook.core.config.introspection import about, bare, must_be_written, shape, wish, words
from webhook.core.config.types import Group
from webhook.core.config.yaml import NO_TEXT, Scalar, Tree, read_tree
from webhook.core.values.notation import Notation, quoted

_SHAPE = shape()
_UNREADABLE = object()  # stands for a value whose problem has been reported
_NULLS = ("", "~", "null", "Null", "NULL")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")


def parse(text: str) -> HeadroomConfig:
    """Read a configuration; raises `ConfigError`, which holds every problem, and nothing else whatever the text is."""
    problems: list[Problem] = []
    top = Place(problems)
    tree = read_tree(text, top)
    if _is_null(tree):
        raise top.error(f"is empty; it starts with apiVersion: {API_VERSION}")
    config = _read(_SHAPE, tree, top)
    if problems or not isinstance(config, HeadroomConfig):
        raise ConfigError(problems)
    return config


def _read(kind: inspect.Type, tree: Tree, place: Place) -> Any:
    if _is_null(tree):
        return _report(place, 'has no value; write one (an empty one is ""), or leave it out')
    tree = _spelt_out(kind, tree)
    match bare(kind), tree:
        case ((inspect.StructType() as group), dict()):
            return _group(group, tree, place)
        case ((inspect.DictType() as labels), dict()):
            return _labels(labels, tree, place)
        case ((inspect.FrozenSetType() | inspect.VarTupleType() as several), list()):
            return _several(several, tree, place)
        case _, Scalar():
            return _one(kind, tree, place)
        case _:
            return _report(
                place, f"a {'list' if isinstance(tree, list) else 'mapping'} stands here; write {wish(kind)}"
            )


def _spelt_out(kind: inspect.Type, tree: Tree) -> Tree:
    """Replace a word that stands for a list by that list."""
    match tree:
        case Scalar(plain=True, text=word) if word in words(kind):
            return [Scalar(item, plain=True) for item in words(kind)[word]]
        case _:
            return tree


def _group(group: inspect.StructType, tree: dict[str, Tree], place: Place) -> Any:
    fields = {field.encode_name: field for field in group.fields}
    values: dict[str, Any] = {}
    for key, each in tree.items():
        if field := fields.get(key):
            values[field.name] = _read(field.type, each, place.key(key))
        else:
            values[key] = _report(place.key(key), _unknown(key, list(fields)))
    for key, field in fields.items():
        if key not in tree and must_be_written(field):
            values[field.name] = _report(place.key(key), f"is missing; write {wish(field.type)}")
    if _UNREADABLE in values.values():
        return _UNREADABLE
    made = cast("type[Group]", group.cls)(**values)
    for fault in made.faults():
        place.below(fault.path).report(fault.message)
    return made


def _unknown(key: str, known: list[str]) -> str:
    lowered = {each.lower(): each for each in known}
    near = get_close_matches(key.lower(), lowered, 1)
    if near:
        return f"unknown key; did you mean {lowered[near[0]]}?"
    return f"unknown key; the keys here are {', '.join(known)}"


def _labels(labels: inspect.DictType, tree: dict[str, Tree], place: Place) -> Any:
    if len(tree) < (labels.min_length or 0):
        return _report(place, "is empty; write one label at least")
    read = {
        _read(labels.key_type, Scalar(key, plain=False), place.key(key)): _read(labels.value_type, each, place.key(key))
        for key, each in tree.items()
    }
    return _UNREADABLE if _UNREADABLE in (*read, *read.values()) else MappingProxyType(read)


def _several(several: inspect.FrozenSetType | inspect.VarTupleType, tree: list[Tree], place: Place) -> Any:
    if len(tree) < (several.min_length or 0):
        return _report(place, f"is empty; write {wish(several)}")
    read = [_read(several.item_type, each, place.item(index)) for index, each in enumerate(tree)]
    if _UNREADABLE in read:
        return _UNREADABLE
    return frozenset(read) if isinstance(several, inspect.FrozenSetType) else tuple(read)


def _one(kind: inspect.Type, scalar: Scalar, place: Place) -> Any:
    try:
        return _value(kind, scalar)
    except ValueError as error:
        return _report(place, str(error))


def _value(kind: inspect.Type, scalar: Scalar) -> Any:
    text, found = scalar.text, quoted(scalar.text) + ("" if scalar.plain else " in quotes")
    match bare(kind):
        case inspect.DataclassType(cls=cls) if issubclass(cls, Notation):
            return cls.parse(text)
        case inspect.EnumType(cls=cls) if text in {each.value for each in cls}:
            return cls(text)
        case inspect.LiteralType(values=(only,)) if text == only:
            return text
        case inspect.BoolType() if scalar.plain and text in ("true", "false"):
            return text == "true"
        case inspect.IntType(ge=int(least), le=int(most)):
            if scalar.plain and _WHOLE.fullmatch(text) and least <= int(text) <= most:
                return int(text)
        case inspect.StrType() if scalar.plain and NO_TEXT.fullmatch(text):
            raise ValueError(f"{found} is a number or a boolean in YAML; write it in quotes")
        case inspect.StrType(pattern=str(pattern)):
            if re.fullmatch(pattern, text):
                return text
            raise ValueError(
                f"{quoted(text)} is not {about(kind)['title']}; write one such as {about(kind)['examples'][0]}"
            )
    raise ValueError(f"{found} stands here; write {wish(kind)}")


def _is_null(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.plain and tree.text in _NULLS


def _report(place: Place, message: str) -> object:
    place.report(message)
    return _UNREADABLE

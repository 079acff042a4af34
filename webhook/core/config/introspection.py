"""Introspection: what the types of the configuration say about each setting, in a form that code can walk."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from msgspec import inspect

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.types import WORDS
from webhook.core.values.notation import Notation


def shape() -> inspect.StructType:
    """Return the type information of the whole configuration."""
    return cast("inspect.StructType", inspect.type_info(HeadroomConfig))


def bare(kind: inspect.Type) -> inspect.Type:
    """Return the type without its description and without the `None` of a setting that may be absent."""
    match kind:
        case inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, inspect.NoneType())):
            return bare(inner)
        case _:
            return kind


def about(kind: inspect.Type) -> dict[str, Any]:
    """Return title, examples and description; those of the setting take precedence over those of its type."""
    said = (kind.extra_json_schema or {}) if isinstance(kind, inspect.Metadata) else {}
    match bare(kind):
        case inspect.DataclassType(cls=cls) if issubclass(cls, Notation):
            return {"title": cls.title, "examples": [cls.example], **said}
        case inspect.FrozenSetType(item_type=item):
            return {"title": "a list", "examples": [about(item)["examples"][:1]], **said}
        case inspect.DictType():
            return {"title": "labels", **said}
        case _:
            return dict(said)


def words(kind: inspect.Type) -> Mapping[str, tuple[str, ...]]:
    """Return the words that may be written in place of a list, each with the items that it stands for."""
    match kind:
        case inspect.Metadata(extra=dict(extra)) if WORDS in extra:
            return cast("Mapping[str, tuple[str, ...]]", extra[WORDS])
        case _:
            return {}


def must_be_written(field: inspect.Field) -> bool:
    """Say whether the key must be in the text; a constant must be, although it has a default in the code."""
    return field.required or isinstance(bare(field.type), inspect.LiteralType)


def wish(kind: inspect.Type) -> str:  # noqa: PLR0911 - one return for each kind of type
    """Say what values would be right, with an example if there are too many to list."""
    match bare(kind):
        case inspect.LiteralType(values=(only,)):
            return str(only)
        case inspect.EnumType(cls=cls):
            *others, last = [str(each) for each in cls]
            return f"{', '.join(others)} or {last}"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.StructType(fields=fields):
            return "keys below it: " + _names(fields)
        case inspect.VarTupleType(item_type=inspect.StructType(fields=fields)):
            return "a list of items with " + _names(fields)
        case _:
            known = about(kind)
            return ", or ".join([f"{known['title']} such as {flow(known['examples'][0])}", *words(kind)])


def flow(value: object) -> str:
    """Return a plain value as people write it in one line of YAML."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str() if not value or " #" in value:  # YAML would read these as null and as a comment
            return f'"{value}"'
        case _:
            return str(value)


def _names(fields: Iterable[inspect.Field]) -> str:
    return ", ".join(field.encode_name for field in fields)

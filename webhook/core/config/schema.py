"""The description of the configuration: a JSON Schema for editors and checkers, rows of a table for people."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import NODEFAULT, inspect

from webhook.core.config.introspection import about, bare, flow, must_be_written, shape, wish, words
from webhook.core.config.render import plain
from webhook.core.values.notation import Notation


class Row(NamedTuple):
    """What people need to know of one setting."""

    key: str
    takes: str
    default: str
    meaning: str


def rows() -> list[Row]:
    """Return a row for each setting that takes a value, with the path of its key; `pools[]` stands for each pool."""
    return list(_rows(shape(), ""))


def _rows(group: inspect.StructType, path: str) -> Iterator[Row]:
    for field in group.fields:
        key = path + field.encode_name
        match bare(field.type):
            case inspect.StructType() as inner if field.default is None:
                said = about(field.type)["description"]
                yield from (Row(*row[:2], "absent", f"{row.meaning} {said}") for row in _rows(inner, f"{key}."))
            case inspect.StructType() as inner:
                yield from _rows(inner, f"{key}.")
            case inspect.VarTupleType(item_type=inspect.StructType() as inner):
                yield from _rows(inner, f"{key}[].")
            case _:
                yield Row(key, wish(field.type), _default(field), about(field.type)["description"])


def _default(field: inspect.Field) -> str:
    if must_be_written(field):
        return "required"
    return "absent" if field.default is None else flow(plain(field.default))


def json_schema() -> dict[str, Any]:
    """Return the schema of a whole `config.yaml`; `parse` also refuses faults that a schema cannot express."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "HeadroomConfig",
        **_schema(shape()),
    }


def _schema(kind: inspect.Type) -> dict[str, Any]:
    return {**about(kind), **_rule(kind)}


def _rule(kind: inspect.Type) -> dict[str, Any]:  # noqa: PLR0911 - one return for each kind of type
    match bare(kind):
        case inspect.StructType() as group:
            return _object(group)
        case inspect.DictType(key_type=keys, value_type=values, min_length=least):
            return {
                "type": "object",
                "propertyNames": _schema(keys),
                "additionalProperties": _schema(values),
                "minProperties": least or 0,
            }
        case inspect.FrozenSetType(item_type=item, min_length=least):
            types = ["array", "boolean"] if words(kind) else "array"
            return {"type": types, "items": _schema(item), "minItems": least or 0}
        case inspect.VarTupleType(item_type=item):
            return {"type": "array", "items": _schema(item)}
        case inspect.LiteralType(values=(only,)):
            return {"const": only}
        case inspect.EnumType(cls=cls):
            return {"enum": [str(each) for each in cls]}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType(ge=least, le=most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case inspect.StrType(pattern=pattern):
            return {"type": "string", "pattern": pattern}
        case inspect.DataclassType(cls=cls) if issubclass(cls, Notation):
            return {"type": "string", "pattern": cls.pattern}
        case other:
            raise TypeError(f"no JSON Schema is known for {other}; add its case here")


def _object(group: inspect.StructType) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.encode_name: _property(field) for field in group.fields},
        "required": [field.encode_name for field in group.fields if must_be_written(field)],
        "additionalProperties": False,
    }


def _property(field: inspect.Field) -> dict[str, Any]:
    schema = _schema(field.type)
    silent = must_be_written(field) or field.default in (None, NODEFAULT)
    if silent or isinstance(bare(field.type), inspect.StructType):
        return schema  # the defaults of a group are in the schemas of its own settings
    return {**schema, "default": plain(field.default)}

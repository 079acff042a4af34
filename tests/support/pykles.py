"""JSON Schemas of pykles' answers, written from its `models.py` (the types) and `services.py` (what is always there).

Nothing may be missing and nothing may be added: its clients may be as strict.
"""

from typing import Any, Final

Schema = dict[str, Any]


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_NUMBER: Final[Schema] = {"type": "number", "minimum": 0}
_WHOLE: Final[Schema] = {"type": "integer", "minimum": 0}
_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_VALUES: Final = _object(InstrumentedValue=_NUMBER, Percent=_NUMBER)
_STATS: Final = _object(Capacity=_WHOLE, Allocatable=_WHOLE, Requests=_VALUES, Limits=_VALUES)
_CONTAINER: Final = _object(ContainerName=_TEXT, UsageCpu=_NUMBER, UsageMemory=_NUMBER)

NODES: Final = _object(Nodes=_list(_object(NodeName=_TEXT, CPU=_STATS, RAM=_STATS)))
METRICS: Final = _object(Items=_list(_object(PodName=_TEXT, NameSpace=_TEXT, Containers=_list(_CONTAINER))))
READY: Final = _object(Message={"const": "OK"})

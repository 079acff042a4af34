"""The description of the REST API (OpenAPI 3.1), made from the types of the rows and from the parameters of queries."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from webhook import __version__
from webhook.core.reporting import pykles
from webhook.core.reporting.query import LIMIT, MOST, Collection, Parameter, field_names
from webhook.core.reporting.rows import Commitment
from webhook.web.answers import ConfigAnswer, ListMeta
from webhook.web.problems import MEDIA_TYPE, Problem
from webhook.web.questions import Question

API: Final = "/api/v1"
EVENTS: Final = f"{API}/events"
_SCHEMAS = "#/components/schemas/"
_JSON = "application/json"
_ABOUT = """What is committed of a cluster's memory and cpu, as Headroom's webhook counts it.

Memory is in bytes, cpu in millicores, shares are ratios (0.75 is 75 %). null: unknown, or without a threshold."""


def document(collections: Iterable[Collection], questions: Iterable[Question] = ()) -> dict[str, Any]:
    """Return the description of an API that has these collections and answers these questions."""
    listed, asked = list(collections), list(questions)
    lists = {each.name: _list_of(each) for each in listed}
    types = (Commitment, ConfigAnswer, Problem, pykles.Nodes, pykles.PodMetrics, pykles.Ready, *lists.values())
    types += tuple(each for question in asked for each in (question.asked, question.answered))
    schemas, components = msgspec.json.schema_components(types, ref_template=_SCHEMAS + "{name}")
    named = dict(zip(types, schemas, strict=True))
    paths = {f"{API}/{each.name}": _listing(each, named[lists[each.name]]) for each in listed}
    paths[f"{API}/commitment"] = _whole("commitment", "The whole account", named[Commitment])
    paths[f"{API}/config"] = _whole("config", "The configuration in force", named[ConfigAnswer])
    paths |= {f"{API}/{each.name}": _asking(each, named[each.asked], named[each.answered]) for each in asked}
    paths[EVENTS] = _events()
    paths["/"] = _whole("pyklesNodes", "What each node has and has promised, as pykles answers", named[pykles.Nodes])
    usage = _operation(
        "pyklesPodMetrics", "What containers use now, as pykles answers", _json(named[pykles.PodMetrics])
    )
    usage["responses"]["503"] = _problem("The cluster has no metrics server, or it does not answer.")
    paths["/pod-metrics"] = {"get": usage}
    paths["/probes"] = {"get": _operation("pyklesProbes", "Always OK, as pykles answers", _json(named[pykles.Ready]))}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Headroom", "version": __version__, "description": _ABOUT},
        "paths": paths | _probes(),
        "components": {"schemas": components},
    }


def _list_of(collection: Collection) -> Any:
    name = collection.name.capitalize() + "List"
    return msgspec.defstruct(name, [("metadata", ListMeta), ("items", tuple[collection.row, ...])])  # type: ignore[name-defined]


def _listing(collection: Collection, schema: dict[str, Any]) -> dict[str, Any]:
    operation = _operation(collection.name, collection.summary, _json(schema) | _TAGGED)
    operation["parameters"] = [_parameter(each, collection) for each in collection.parameters()]
    operation["responses"] |= {"304": _UNCHANGED, "400": _problem("A parameter is wrong.")}
    operation["responses"]["503"] = _problem("There is no account yet: the cluster is still being listed.")
    return {"get": operation}


def _parameter(parameter: Parameter, collection: Collection) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.kind}
    if parameter.name == "limit":
        schema |= {"minimum": 1, "maximum": MOST, "default": LIMIT}
    elif parameter.name == "sortBy":
        schema["enum"] = [sign + name for name in field_names(collection) for sign in ("", "-")]
    elif parameter.kind == "string":
        schema["minLength"] = 1
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter in collection.required,
        "description": parameter.description,
        "schema": schema,
    }


def _asking(question: Question, asked: dict[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
    operation = _operation(question.name, question.summary, _json(answered))
    operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": asked}}}
    operation["responses"] |= {
        "400": _problem("The question cannot be answered, and why."),
        "413": _problem("The question is too long."),
        "503": _problem("There is no account yet: the cluster is still being listed."),
    }
    return {"post": operation}


def _whole(name: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    operation = _operation(name, summary, _json(schema) | _TAGGED)
    operation["responses"] |= {"304": _UNCHANGED, "400": _problem("It takes no parameters.")}
    if name == "pyklesNodes":
        del operation["responses"]["400"]
        operation["responses"]["503"] = _problem("There is no account yet: the cluster is still being listed.")
    return {"get": operation}


def _operation(name: str, summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": {"200": answer}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "OK", "content": {_JSON: {"schema": schema}}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}}


def _text(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}


def _events() -> dict[str, Any]:
    content = {
        "description": "Events named `changed`",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    operation = _operation("events", "Server-sent events: the account has changed", content)
    operation["responses"]["503"] = _problem("There are as many streams as one replica serves.")
    return {"get": operation}


def _probes() -> dict[str, Any]:
    def probe(name: str, summary: str) -> dict[str, Any]:
        operation = _operation(name, summary, _text("Yes"))
        operation["responses"]["503"] = _text("No, and why.")
        return {"get": operation}

    metrics = _operation("metrics", "Metrics for Prometheus", _text("OK"))
    return {
        "/healthz": probe("healthz", "Whether the process answers reviews at all"),
        "/readyz": probe("readyz", "Whether it can judge pods now"),
        "/metrics": {"get": metrics},
    }


_TAGGED = {"headers": {"ETag": {"description": "Changes with what is shown.", "schema": {"type": "string"}}}}
_UNCHANGED = {"description": "Nothing has changed since the entity tag of If-None-Match."}

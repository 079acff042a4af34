"""Reads and writes whole objects of one collection, as decoded JSON: what is not looked at is written back as it is."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from webhook.kube.client import Api, ApiResponse
from webhook.kube.stream import NotFound, Unanswered

Object = dict[str, Any]
"""An object of the API as decoded JSON."""


class Found(NamedTuple):
    """An object, and the API server's time when it was read; None if the API server does not say it."""

    object: Object
    at: datetime | None

    @property
    def revision(self) -> str:
        """The resourceVersion, to be compared for equality alone."""
        return str(self.object["metadata"].get("resourceVersion", ""))


class Objects:
    """Calls for one collection, by its path, as one field manager. Each may raise `KubeError`."""

    def __init__(self, api: Api, path: str, manager: str, timeout: float) -> None:
        self._api = api
        self._path = path
        self._query = {"fieldManager": manager}
        self._timeout = timeout

    def get(self, name: str) -> Found | None:
        """Read an object; None if there is none of that name."""
        try:
            return _found(self._api.get(f"{self._path}/{name}", timeout=self._timeout))
        except NotFound:
            return None

    def items(self, query: Mapping[str, str]) -> list[Object]:
        """Read all objects that the query selects."""
        return list(_decoded(self._api.get(self._path, query, self._timeout)).get("items") or ())

    def create(self, made: Object) -> Found:
        """Create an object; raises `Conflict` if there is one of that name."""
        return _found(self._api.create(self._path, json.dumps(made).encode(), self._timeout, self._query))

    def replace(self, changed: Object) -> Found:
        """Replace an object if it still has the resourceVersion of `changed`; else raises `Conflict` or `NotFound`."""
        path = f"{self._path}/{changed['metadata']['name']}"
        return _found(self._api.replace(path, json.dumps(changed).encode(), self._timeout, self._query))


def _found(answer: ApiResponse) -> Found:
    return Found(_decoded(answer), _moment(answer.date))


def _decoded(answer: ApiResponse) -> Object:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unanswered(f"the answer is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unanswered(f"the answer is a {type(found).__name__}, and not an object")
    return found


def _moment(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError:
        return None

"""Plain HTTP to an API server for those who must not lean on anybody's client: one connection each, kept alive."""

import json
import ssl
from contextlib import closing
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Object = dict[str, Any]

FAULTS = (OSError, HTTPException)


class Server(NamedTuple):
    """Where an API server is, and how its administrator is known to it."""

    url: str
    ca_file: Path
    token: str

    def connect(self, timeout: float = 30.0) -> HTTPSConnection:
        """A connection that is opened by its first request; `timeout` is for each wait for bytes."""
        parts = urlsplit(self.url)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return HTTPSConnection(str(parts.hostname), parts.port, context=context, timeout=timeout)

    @property
    def headers(self) -> dict[str, str]:
        """What each request carries."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def get(self, path: str) -> Object:
        """Read an object over a connection of its own."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Object | None = None) -> Object:
        """Do one request over a connection of its own; an HTTPException unless it succeeds."""
        with closing(self.connect()) as connection:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, headers=self.headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise HTTPException(f"{method} {path}: {answer.status} {text[:300].decode(errors='replace')}")
            found: Object = json.loads(text)
            return found

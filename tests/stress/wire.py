"""Plain HTTP to an API server, for code that must not depend on a Kubernetes client: one kept-alive connection each."""

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
    """The address of an API server, and its administrator's credentials."""

    url: str
    ca_file: Path
    token: str

    def connect(self, timeout: float = 30.0) -> HTTPSConnection:
        """Return a connection, which its first request opens; `timeout` is in seconds, for each wait for bytes."""
        parts = urlsplit(self.url)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return HTTPSConnection(str(parts.hostname), parts.port, context=context, timeout=timeout)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each request."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def get(self, path: str) -> Object:
        """Read an object over a connection of its own."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Object | None = None) -> Object:
        """Send one request over a connection of its own; raises HTTPException unless it succeeds."""
        with closing(self.connect()) as connection:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, headers=self.headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise HTTPException(f"{method} {path}: {answer.status} {text[:300].decode(errors='replace')}")
            found: Object = json.loads(text)
            return found

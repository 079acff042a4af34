"""An HTTP/1.1 server over TLS: connections, their limits, the parser, the worker. It knows nothing of Headroom.

It passes requests to a `Handler` (connection.py), which `web` implements. It imports no other room.
"""

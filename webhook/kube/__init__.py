"""The Kubernetes API: the only room that opens connections to it. It knows nothing of Headroom.

A client with time-outs, the errors that its answers stand for, streams of events, ConfigMaps. It imports no other room.
"""

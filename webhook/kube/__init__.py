"""The Kubernetes API: the only room that opens connections to it. It knows nothing of Headroom.

It holds a client with time-outs, the errors that it raises, streams of events, and ConfigMaps. It imports no other
room.
"""

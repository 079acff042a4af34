"""List and watch of any resource: lists, then events, then proofs of freshness. It knows nothing of Headroom.

A `Reflector` delivers `WatchEvent`s to one function on its own thread. It imports `kube` alone.
"""

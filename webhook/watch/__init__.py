"""List and watch of any resource: lists, then events, then proofs of freshness. It knows nothing of Headroom.

A `Reflector` delivers `WatchEvent`s to one function, on the thread that runs it. It imports only `kube`.
"""

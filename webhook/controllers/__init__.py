"""Controllers: loops that run as long as the replica does, one a module, each with `run()`.

They keep the state in step with the API server: the watches, the allotments that replicas share, the recount, the
certificate's files. They may import `admission`, `state`, `watch`, `kube`, `http` and `core`; `manager` gives each its
thread.
"""

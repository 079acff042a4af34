"""Controllers: loops that run as long as the replica does, one in each module.

They keep the state in sync with the API server and the files: watches, the allotments that replicas share, lists after
a restore of etcd, the recount, the certificate. They may import `admission`, `state`, `watch`, `kube`, `http` and
`core`. `manager` starts the threads.
"""

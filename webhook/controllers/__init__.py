"""Controllers: loops that run as long as the replica does, one in each module.

They are the watches, the allotments that replicas share, the lists after a restore of etcd, the recount, and the reload
of the certificate's files. They may import `admission`, `state`, `watch`, `kube`, `http` and `core`. `manager` starts
their threads.
"""

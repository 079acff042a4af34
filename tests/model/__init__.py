"""A model of etcd and of replicas, in which the protocol between replicas is proved by trying to break it."""

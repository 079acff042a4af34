"""Scopes: where a bound holds. The whole cluster always, and each pool of nodes for the pods confined to it."""

CLUSTER = "cluster"

"""Scopes: where a bound holds. One is the whole cluster; each pool of nodes is another, for the pods confined to it."""

CLUSTER = "cluster"

"""Headroom: a validating admission webhook that keeps promised memory below what the cluster has."""

__version__ = "0.1.0"

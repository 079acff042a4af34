"""Sharing: how replicas grant from one bound without asking each other at every grant (docs/protocol.md)."""

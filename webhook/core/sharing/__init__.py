"""Sharing: how replicas grant from one bound without asking each other each time (docs/protocol.md)."""

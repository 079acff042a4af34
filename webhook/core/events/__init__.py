"""Kubernetes Events: which are written, about what object, and when they are repeated."""

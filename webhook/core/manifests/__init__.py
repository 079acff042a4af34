"""Manifests: what files would commit, without a cluster."""

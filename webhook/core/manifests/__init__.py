"""Manifests: what the objects in manifest files would commit, without a cluster."""

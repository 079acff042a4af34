"""The container image, built without Docker: by buildah, on a base that is made here or that a registry has."""

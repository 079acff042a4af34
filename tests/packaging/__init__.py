"""What is shipped: manifests, overlays, the image."""

"""Kubernetes objects as the API shows them, as far as Headroom reads them, and how they are decoded."""

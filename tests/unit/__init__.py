"""Unit and property tests without a control plane; the tree is that of `webhook/`, room by room."""

"""Real nodes without Docker: kubelet, kube-proxy and containerd beside the project's own control plane, as root."""

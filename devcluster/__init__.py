"""The local control plane: a real Kubernetes API server on loopback, for tests, the demonstration and benchmarks."""

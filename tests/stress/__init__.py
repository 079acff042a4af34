"""Storms: stress tests on a real API server with many clients, several replicas, faults, and an independent witness."""

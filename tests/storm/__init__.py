"""Storms on a real API server: many clients, several replicas, faults; and a witness that shares no code with Headroom."""

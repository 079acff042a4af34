"""Storms on a real API server: many clients, several replicas, faults; and a witness of its own."""

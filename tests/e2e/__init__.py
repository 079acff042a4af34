"""End-to-end tests: the real API server, controllers and scheduler, and replicas of Headroom."""

"""Benchmarks: Headroom side by side with webhooks that do nothing, in interleaved rounds on one machine."""

"""Benchmarks: compares Headroom with webhooks that do nothing, in interleaved rounds on one machine."""

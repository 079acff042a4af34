"""The soak: Headroom under load while a seeded schedule of faults goes on, and what is left of it at the end."""

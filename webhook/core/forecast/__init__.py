"""Forecasts: what an edit of a workload or of the configuration would lead to, said before it does."""

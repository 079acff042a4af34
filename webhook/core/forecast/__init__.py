"""Forecasts: what an edit of a workload or of the configuration would lead to, before it is applied."""

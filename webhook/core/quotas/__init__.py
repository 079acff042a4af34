"""Quotas: what the ResourceQuotas of a namespace will say against a pod, before the API server checks them itself."""

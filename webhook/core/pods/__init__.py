"""Pods: what each commits, by Kubernetes' own rules, and which nodes it may go to."""

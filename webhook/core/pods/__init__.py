"""Pods and what makes them, as the API shows them, and what each commits."""

"""Notices: what is told as Events, and when."""

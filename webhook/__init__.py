"""Headroom: a validating admission webhook that keeps committed memory below what the cluster has.

Each package is a room with a paragraph in its `__init__.py`; docs/architecture.md has the picture. The contracts in
pyproject.toml name every room, so a new module belongs into one of them.
"""

__version__ = "0.1.0"

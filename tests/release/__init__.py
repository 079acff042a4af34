"""What `make release` makes, and the Python package in it."""

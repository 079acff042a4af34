"""What runs while the container image is built, and nowhere else: it uses the standard library alone."""

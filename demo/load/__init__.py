"""Load tests, run by Locust and not by pytest: Locust patches the standard library of the process it runs in."""

"""Look at the home page, as people and as programs do.

locust -f demo/load/basic_home_page_test.py [--host http://127.0.0.1:8080]
"""

from locust import HttpUser, between, task

from demo.load import bounds

bounds.keep()


class Visitor(HttpUser):
    """Opens the page and asks for its figures."""

    wait_time = between(0.1, 0.5)

    @task(3)
    def page(self) -> None:
        """The page arrives whole."""
        with self.client.get("/", headers={"Accept": "text/html"}, catch_response=True) as response:
            if response.ok and "</html>" not in response.text:
                response.failure("200 without a whole page")

    @task(1)
    def figures(self) -> None:
        """The same as JSON."""
        with self.client.get(
            "/", headers={"Accept": "application/json"}, name="/ (JSON)", catch_response=True
        ) as response:
            if response.ok and "heldBytes" not in response.json():
                response.failure("200 without heldBytes")

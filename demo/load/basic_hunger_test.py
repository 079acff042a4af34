"""Feed the monster more than it may hold and see that it stays below its cap.

locust -f demo/load/basic_hunger_test.py [--host http://127.0.0.1:8080]
"""

from locust import HttpUser, between, task

from demo.load import bounds

bounds.keep()


class Feeder(HttpUser):
    """Feeds steps that are held for two seconds, faster than they are given back."""

    wait_time = between(0.1, 0.5)

    @task(4)
    def feed(self) -> None:
        """A full monster eats nothing and says so with 200: that is what its bound is for."""
        with self.client.post("/hungry?steps=1&seconds=2", name="/hungry", catch_response=True) as response:
            if not response.ok:
                return  # counted as a failure by its status
            told = response.json()
            if told["heldBytes"] > told["capBytes"]:
                response.failure(f"holds {told['heldBytes']} bytes, more than its cap of {told['capBytes']}")
            elif told["eatenBytes"] not in {0, told["stepBytes"]}:
                response.failure(f"ate {told['eatenBytes']} bytes where one step is {told['stepBytes']}")

    @task(1)
    def look(self) -> None:
        """The page answers while the monster eats."""
        self.client.get("/")

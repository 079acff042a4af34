"""The state of one replica under one lock: the ledger, the allotment, the configuration, and how fresh they are.

It may import `watch` and `core`. Nothing here waits or calls the API; a log line is the most that it does. Sums and
rules go into `core`.
"""

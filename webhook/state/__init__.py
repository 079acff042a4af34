"""The state of one replica under one lock: the ledger, the allotment, the configuration, and how fresh they are.

It may import `watch` and `core`. Nothing here calls the API, and only the allotment controller's thread waits here, for
work. The only side effect is a log line. Sums and rules go into `core`.
"""

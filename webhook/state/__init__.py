"""The state of one replica under one lock: the ledger, the allotment, the configuration, and how fresh they are.

`cluster_state` has the verbs of watches and readers, `reviews` those of admission, `bookings` those of the allotment
controller; `guarded` is what the lock guards, and no other room touches that. It may import `watch` and `core`. Nothing
here calls the API, and only the allotment controller's thread waits here, for work. The only side effect is a log line.
Sums and rules go into `core`.
"""

"""What people and programs are told: metrics, the audit log, Events, the log.

Only `manager` and `cli` import it: a review is judged, and then it is recorded. It may import everything below. A new
metric goes here; where it shows a state, into the collector that reads that state when it is scraped.
"""

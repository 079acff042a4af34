"""What people and programs can observe: metrics, the audit log, Events, the log.

Only `manager` and `cli` import it: a review is judged first and recorded then. It may import every room below it. A new
metric goes here; if it shows a state, it goes into the collector that reads that state at each scrape.
"""

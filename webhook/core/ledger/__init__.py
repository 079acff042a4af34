"""The ledger: nodes, pods and grants, and the sums that follow from them, event by event."""

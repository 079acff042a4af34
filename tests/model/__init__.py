"""The protocol as a simulation: replicas, an etcd and faults, step by step; and mutants that the checks must find."""

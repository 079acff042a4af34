"""Admission: one AdmissionReview in, one response out.

`pods` judges pods, `workloads` gives early answers when a user applies or scales a workload, `configuration` checks
edits of Headroom's own ConfigMap. Nothing here calls the Kubernetes API: each review is judged by this replica's state.
(`workloads` is given a function that reads a workload whose scale is edited.) It may import `state`, `core` and the
values of `http`. A new webhook of Headroom's own goes here.
"""

"""Admission: one AdmissionReview in, one response out.

`pods` judges pods, `workloads` gives early answers where somebody applies or scales a workload, `configuration` checks
edits of Headroom's own ConfigMap. Nothing here calls the Kubernetes API: a review is judged by the state that this
replica has. It may import `state`, `core` and the values of `http`. A new webhook of Headroom's goes here.
"""

"""Manifests as text."""

_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  template:
    spec:
      containers: [{{name: app, image: i, resources: {{requests: {{memory: {memory}}}, limits: {{memory: {memory}}}}}}}]
"""


def deployment(name: str, replicas: int, memory: str) -> str:
    """Return a Deployment whose pods request this much memory, with limits as high."""
    return _DEPLOYMENT.format(name=name, replicas=replicas, memory=memory)

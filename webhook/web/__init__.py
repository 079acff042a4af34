"""The web: the handlers of all HTTP paths.

`routes` is the Flask application. `dispatcher` answers reviews of pods without Flask, and passes other requests to
threads. It may import `admission`, `state`, `http` and `core`. A new route goes here.
"""

"""The web: paths of HTTP to their handlers.

`routes` is the Flask application; `dispatcher` takes reviews past it and gives other requests to threads. It may import
`admission`, `state`, `http` and `core`. A new route goes here.
"""

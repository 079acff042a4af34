"""Makes what a release consists of, in one folder: `python -m release` (`make release`)."""

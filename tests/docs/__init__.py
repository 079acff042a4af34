"""The pages that people copy commands from: each command is run in its order, on a fresh clone, and what it prints is
what the page shows.

- A block of `sh` holds commands, one in a line (which goes on where a shell would wait for more); each must succeed.
- A block of `console` shows commands behind `$ ` and what they print.
- A block whose first line is a comment with a path (`# web.yaml`) is that file, and is written where it stands.

`python -m tests.docs --write [PAGE ...]` writes what the commands print now into the pages.
"""

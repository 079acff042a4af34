"""`python patient.py FLAGS`: `headroom serve FLAGS`, which is more patient with a busy machine where it only helps.

An early answer is left out if what it needs cannot be read within 0.4 s, and a test cannot ask the same question twice.
"""

import sys

from webhook import manager
from webhook.cli.main import main

FETCH_SECONDS = 1.5  # the API server waits for 2 s

if __name__ == "__main__":
    manager._FETCH_TIMEOUT = FETCH_SECONDS
    sys.argv = ["headroom", "serve", *sys.argv[1:]]
    main()

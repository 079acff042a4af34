"""`python patient.py serve FLAGS`: `headroom serve FLAGS`, but more patient with a busy machine where it only helps.

An early answer is left out if what it needs cannot be read within 0.4 s, and a test cannot ask the same question twice.
"""

import sys
from importlib import import_module

from webhook.cli.main import main

FETCH_SECONDS = 1.5  # the API server waits for 2 s

if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:  # no other command is to wait for this import
        names = vars(import_module("webhook.manager"))
        names["_FETCH_TIMEOUT"] = max(names["_FETCH_TIMEOUT"], FETCH_SECONDS)
    sys.argv[0] = "headroom"
    main()

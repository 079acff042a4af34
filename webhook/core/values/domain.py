"""The domain under which Headroom's names stand: of its webhooks, its configuration's group, labels and annotations.

The top-level domain `internal` is reserved for private use, so nobody can own this one (ICANN, 2024-07-29). To publish
Headroom under another domain, change the line below and run `make docs`, which writes it wherever it stands as text.
"""

from typing import Final

DOMAIN: Final = "headroom.internal"

"""The domain of Headroom's names: its webhooks, the API group of its configuration, its labels and annotations.

The top-level domain `internal` is reserved for private use, so no one can register this domain (ICANN, 2024-07-29). To
publish Headroom under another domain, change the line below and run `make docs`, which writes it into all other files.
"""

from typing import Final

DOMAIN: Final = "headroom.internal"

"""`python -m benchmarks.pages URL`: reads and decodes all pages of pods in the plainest way; prints the seconds."""

import sys
import time

import msgspec
import urllib3

from webhook.core.api.types import Pod


class Meta(msgspec.Struct):
    """The metadata of a list."""

    more: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct):
    """One page of the pods."""

    metadata: Meta
    items: list[Pod]


if __name__ == "__main__":
    urllib3.disable_warnings()
    pool, start = urllib3.PoolManager(cert_reqs="CERT_NONE"), time.monotonic()
    pods, page = list[Pod](), Page(Meta("0"), [])
    while page.metadata.more:
        body = pool.request("GET", f"{sys.argv[1]}/api/v1/pods?limit=500&continue={page.metadata.more}").data
        page = msgspec.json.decode(body, type=Page)
        pods += page.items
    print(time.monotonic() - start)

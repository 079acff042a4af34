"""The cluster's scope cannot be taken by a pool."""

import pytest

from tests.support.accounts import config
from webhook.core.config.errors import ConfigError
from webhook.core.values.scopes import CLUSTER


def test_no_pool_can_have_the_name_of_the_clusters_scope() -> None:
    with pytest.raises(ConfigError, match=r"pools\[0\]\.name"):
        config(f"pools: [{{name: {CLUSTER}, nodeSelector: {{a: b}}}}]")

"""The memory monster: a small web application to watch Headroom with."""

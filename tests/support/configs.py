"""Configurations for tests: the smallest valid text, and hypothesis strategies for every valid configuration."""

from string import ascii_lowercase, digits

from hypothesis import strategies as st

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.duration import Duration
from webhook.core.config.names import NamespacePattern
from webhook.core.config.percentage import Part, Share
from webhook.core.config.types import (
    Answer,
    Exempt,
    MissingLimits,
    Mode,
    Nodes,
    Override,
    PoolConfig,
    Reserve,
    Sums,
    Thresholds,
)
from webhook.core.values.scopes import CLUSTER

SMALLEST = """
apiVersion: headroom.internal/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 75%}}
"""

# Words that YAML parsers may read as booleans, nulls or numbers are valid names too.
names = st.sampled_from(["on", "off", "yes", "null", "true", "1e3", "12", "0x1f", "1.5"]) | st.text(
    ascii_lowercase + digits, min_size=1, max_size=8
)
shares = st.builds(Share, st.integers(Share.least, Share.most))
parts = st.builds(Part, st.integers(Part.least, Part.most))
durations = st.builds(Duration, st.integers(0, 86_400_000))
dotless = names.filter(str.isalnum)
patterns = st.builds(lambda name, end: NamespacePattern(name + end), dotless, st.sampled_from(["", "*", "-*", "*x"]))
sums = st.builds(Sums, requests=st.none() | shares, limits=st.none() | shares)
thresholds = st.builds(Thresholds, memory=sums, cpu=sums)
reserves = st.builds(Reserve, nodes=st.integers(0, 10_000))
answers = st.sampled_from(Answer)
pools = st.builds(
    PoolConfig,
    name=dotless.filter(lambda name: name != CLUSTER),
    node_selector=st.dictionaries(names | st.just("example.com/pool"), names | st.just(""), min_size=1, max_size=3),
    thresholds=thresholds,
    reserve=st.none() | reserves,
)
overrides = st.builds(
    Override,
    namespaces=st.frozensets(patterns, min_size=1, max_size=3),
    mode=st.none() | st.sampled_from(Mode),
    missing_requests=st.none() | answers,
    unplaceable=st.none() | answers,
    workloads=st.none() | answers,
).filter(lambda override: not list(override.faults()))
configs = st.builds(
    HeadroomConfig,
    mode=st.sampled_from(Mode),
    thresholds=thresholds,
    warn_at=parts,
    reserve=reserves,
    missing_limits=st.sampled_from(MissingLimits),
    missing_requests=answers,
    unplaceable=answers,
    workloads=answers,
    message=st.sampled_from(["", "ask #platform", "on", "1e3", "null", "é: 'x' \"y\" # z", " "]),
    nodes=st.builds(
        Nodes,
        exclude_taints=st.frozensets(names, max_size=3),
        not_ready_grace=durations,
        forget_deleted_after=durations,
    ),
    pools=st.lists(pools, max_size=3).map(tuple),
    exempt=st.builds(
        Exempt,
        namespaces=st.frozensets(patterns, max_size=3),
        priority_classes=st.frozensets(dotless, max_size=3),
        priority_class_namespaces=st.frozensets(patterns, max_size=3),
        daemon_sets=st.frozensets(patterns, max_size=3),
        system_pods=st.frozensets(patterns, max_size=3),
    ),
    overrides=st.lists(overrides, max_size=3).map(tuple),
).filter(lambda config: not list(config.faults()))

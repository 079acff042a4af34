"""What fails while replicas and nodes come and go, with creates going on all the time."""

import time
from functools import partial

from devcluster.processes import until
from devcluster.realnode import install
from tests.realnode.conftest import Installed
from tests.realnode.stream import Create, Stream

AT_LEAST = 500


def test_a_rolling_restart_fails_no_create(real: Installed, stream: Stream) -> None:
    before = _names(real)
    with stream.paced(AT_LEAST) as creates:
        restart(real)
    assert not before & _names(real)
    print(f"\nrolling restart: {creates}")
    assert len(creates) >= AT_LEAST
    assert creates.failed == []


def test_a_killed_replica_fails_at_most_what_it_had_in_hand(real: Installed, stream: Stream) -> None:
    pods = install.replicas(real)
    with stream.paced(450) as creates:
        for pod in pods[:2]:
            time.sleep(2.0)
            (node,) = [each for each in real.nodes if each.name == pod["spec"]["nodeName"]]
            node.kill(pod)
            time.sleep(20.0)
    print(f"\nkill -9 of one, then of another: {creates}")
    _show(creates.failed)
    assert len(creates) >= 450
    assert len(creates.failed) <= 2, "one for each, on a connection that was open or in the second before it is known"
    until(lambda: _restarts(real) >= 2, "the restarts", 60.0)


def test_both_nodes_drained_one_after_the_other_fail_no_create(real: Installed, stream: Stream) -> None:
    with stream.paced(AT_LEAST) as creates:
        for node in real.nodes:
            drain = ("drain", node.name, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=170s")
            real.kubectl(*drain)
            until(partial(_empty, real, node.name), f"{node.name} empty", 60.0)
            install.rolled_out(real)
            real.kubectl("uncordon", node.name)
    print(f"\ndrains: {creates}")
    _show(creates.failed)
    assert len(creates) >= AT_LEAST
    assert creates.failed == []


def test_a_lost_node_fails_no_create_once_it_is_known_to_be_lost(real: Installed, stream: Stream) -> None:
    restart(real)  # after a drain, all may be on one node
    names = [pod["spec"]["nodeName"] for pod in install.replicas(real)]
    assert set(names) == {node.name for node in real.nodes}
    lost = max(real.nodes, key=lambda node: names.count(node.name))  # the one with two of the three
    with stream.crowd(16) as creates:
        time.sleep(5.0)
        began = time.monotonic()
        lost.connect(on=False)
        until(lambda: not real.is_ready(lost.name), f"{lost.name} not Ready", 120.0)
        known = time.monotonic()
        time.sleep(45.0)
    before = [each for each in creates.failed if each.began < known]
    after = [each for each in creates.failed if each.began >= known]
    print(
        f"\n{lost.name} lost, {names.count(lost.name)} replicas on it: not Ready after {known - began:.0f} s: {creates}"
    )
    print(f"failed before that was known: {len(before)}, after: {len(after)}")
    _show(creates.failed)
    assert after == []


def restart(real: Installed) -> None:
    """Replace every replica by a new one, and wait until that is done."""
    real.kubectl("rollout", "restart", "deployment/headroom", f"--namespace={install.NAMESPACE}")
    install.rolled_out(real)
    until(lambda: len(real.api.items(install.PODS)) == 3, "the end of the old ones", install.SECONDS)


def _names(real: Installed) -> set[str]:
    return {pod["metadata"]["name"] for pod in install.replicas(real)}


def _empty(real: Installed, node: str) -> bool:
    return all(pod["spec"].get("nodeName") != node for pod in real.api.items(install.PODS))


def _restarts(real: Installed) -> int:
    return sum(each["restartCount"] for pod in install.replicas(real) for each in pod["status"]["containerStatuses"])


def _show(failed: list[Create]) -> None:
    for each in failed[:20]:
        print(f"  {each.seconds:6.2f} s {each.failed[:200]}")

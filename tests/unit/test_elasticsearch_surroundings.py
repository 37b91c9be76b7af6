"""What is read of the server around a restore: its nodes, its disks, its limits, how allocation is set."""

from typing import Any

import pytest

from chalicelib.core.errors import Retryable
from tests.unit.test_elasticsearch_engine import recorded
from tests.unit.test_elasticsearch_restore import EMPTY, GB, asked


@pytest.mark.parametrize(
    ("disk", "kept"),
    [
        ({"low": "85%", "low.max_headroom": "200GB"}, 150),
        ({"low": "85%", "low.max_headroom": "100gb"}, 100),
        ({"low": {"max_headroom": "-1"}}, 100),
        ({"low": "0.5", "low.max_headroom": "-1"}, 500),
        ({"low": "1.5tb", "low.max_headroom": "-1"}, 1000),
        ({"low": "51200mb", "low.max_headroom": "-1"}, 50),
    ],
)
def test_what_the_low_watermark_keeps_free(disk: dict[str, object], kept: int) -> None:
    """Of 1,000 GB, all of it free. In the third case it is set to 90% for a while."""
    watermark: Any = {"routing": {"allocation": {"disk": {"threshold_enabled": "true", "watermark": disk}}}}
    watermark["routing"]["allocation"]["enable"] = "all"
    settings: dict[str, object] = {"defaults": {"cluster": {"max_shards_per_node": "1000", **watermark}}}
    if isinstance(disk["low"], dict):
        settings["transient"] = {"cluster": {"routing": {"allocation": {"disk": {"watermark": {"low": "90%"}}}}}}
        settings["persistent"] = {"cluster": {"routing": {"allocation": {"disk": {"watermark": {"low": "10%"}}}}}}
    state, nodes = recorded("surroundings", 0), recorded("surroundings", 1)
    total = next(iter(nodes["nodes"].values()))["fs"]["total"]
    total["total_in_bytes"] = total["available_in_bytes"] = 1000 * GB
    found, _ = asked(lambda restorer: restorer.surroundings(), state, nodes, settings)
    (node,) = found.nodes
    assert node.spare == pytest.approx((1000 - kept) * GB, abs=1)


def test_nodes_that_hold_no_shards_and_frozen_indices_are_not_counted() -> None:
    state, nodes, settings = (recorded("surroundings", at) for at in range(3))
    before, _ = asked(lambda restorer: restorer.surroundings(), state, nodes, settings)
    state["nodes"]["master"] = {"name": "master", "version": "8.9.0", "roles": ["master"]}
    state["nodes"]["cold"] = {"name": "cold", "version": "8.19.2", "roles": ["data_frozen"]}
    state["metadata"]["indices"]["orders"]["settings"]["index"]["shard_limit"] = {"group": "frozen"}
    settings["persistent"] = {"cluster": {"routing": {"allocation": {"disk": {"threshold_enabled": "false"}}}}}
    found, _ = asked(lambda restorer: restorer.surroundings(), state, nodes, settings)
    assert (found.version, found.shard_limit, found.shards) == ("8.9.0", 1000, before.shards - 1)
    assert [node.spare for node in found.nodes] == [None]


def test_how_allocation_is_set_is_read_in_any_letters_and_never_guessed() -> None:
    """The server takes `NONE` as well, and gives back what was written."""
    state, nodes, settings = (recorded("surroundings", at) for at in range(3))
    settings["persistent"] = {"cluster": {"routing.allocation.enable": "NONE"}}
    found, _ = asked(lambda restorer: restorer.surroundings(), state, nodes, settings)
    assert found.allocation == "none"
    del settings["persistent"], settings["defaults"]["cluster"]["routing"]["allocation"]["enable"]
    with pytest.raises(Retryable):
        asked(lambda restorer: restorer.surroundings(), state, nodes, settings)


def test_a_node_that_does_not_tell_its_disk_leaves_nothing_known() -> None:
    state, nodes, settings = (recorded("surroundings", at) for at in range(3))
    nodes["_nodes"]["failed"] = 1
    with pytest.raises(Retryable):
        asked(lambda restorer: restorer.surroundings(), state, nodes, settings)
    with pytest.raises(Retryable):
        asked(lambda restorer: restorer.surroundings(), EMPTY, nodes, settings)

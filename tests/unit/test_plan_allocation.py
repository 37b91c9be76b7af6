"""A plan refuses what the server would give up because no shard is put on a node, and nothing that would work."""

from dataclasses import replace

import pytest

from chalicelib.core.plans import Mode
from chalicelib.core.swaps import Alias, Standing
from tests.unit.planned import FACTS, ORIGINALS, WISH, conflicts, plan
from tests.unit.replaced import STANDING
from tests.unit.replaced import planned as in_place

OFF = [("restore.allocation_off", "cluster.routing.allocation.enable")]


def test_nothing_is_restored_while_no_shard_is_put_on_a_node() -> None:
    made = plan(allocation="none")
    assert conflicts(made) == OFF
    assert "back to all" in made.conflicts[0].next_step
    assert conflicts(plan(replace(WISH, mode=Mode.DRILL, prefix="drill-"), allocation="none")) == OFF


@pytest.mark.parametrize("allocation", ["primaries", "new_primaries"])
def test_without_replicas_on_nodes_a_restore_goes_on_and_says_so(allocation: str) -> None:
    """Only of indices that are to have replicas."""
    assert plan(allocation=allocation).findings == ()
    originals = (replace(ORIGINALS[0], settings={"index.number_of_replicas": "1"}), *ORIGINALS[1:])
    made = plan(facts=replace(FACTS, originals=originals), allocation=allocation)
    assert [(found.code, found.subject) for found in made.findings] == OFF
    assert (made.conflicts, "1 index will" in made.findings[0].message) == ((), True)


def test_what_is_live_and_whole_can_be_replaced_even_then() -> None:
    """The server takes the node that has a copy already; what nobody has a copy of is given up."""
    three = (*STANDING, Standing(name="orders-2", uuid="u-orders-2", shards=2))
    assert conflicts(in_place(three, allocation="none")) == []
    assert conflicts(in_place(allocation="none")) == OFF, "somebody deleted orders-2"
    red = (replace(three[0], whole=False), *three[1:])
    assert conflicts(in_place(red, allocation="none")) == OFF


def test_a_clone_that_would_never_be_on_a_node_is_not_begun() -> None:
    """While the swap waits for it, the live index refuses writes."""
    live = Standing(name="customers", uuid="u", shards=1, settings={"index.routing.allocation.enable": "NONE"})
    wish = replace(WISH, mode=Mode.SWAP, indices=("customers",))
    assert conflicts(plan(wish, replace(FACTS, standing=(live,)))) == [("restore.allocation_off", "customers")]
    aliased = replace(live, name="c-1", aliases=(Alias(name="customers"),))
    assert conflicts(plan(wish, replace(FACTS, standing=(aliased,)))) == [], "nothing is cloned"

"""What the allocation deciders of Elasticsearch say about a shard that is on no node."""

from collections.abc import Iterator

from chalicelib.core.restores import Unallocated
from chalicelib.engines.elasticsearch_read import Body

ASKED = (
    "current_state",
    "can_allocate",
    "allocate_explanation",
    "node_allocation_decisions.deciders.decider",
    "node_allocation_decisions.deciders.explanation",
)
NEVER = frozenset({"no", "no_valid_shard_copy"})
GIVEN_UP = "restore_in_progress"
PASSED = "no decider objects any more, but the server tries a shard of a restore only once"
SHOWN, LONGEST = 3, 300


def unallocated(index: str, shard: int, body: Body) -> Unallocated | None:
    """`no` is for good: the server takes such a shard off its list at once, whatever the reason, and looks at it never
    again. Every other answer is one that it mends by itself."""
    if body.text("current_state") != "unassigned":
        return None
    can, words = body.text("can_allocate"), dict.fromkeys(_words(body))
    why = "; ".join([*words][:SHOWN]) or (PASSED if can == "no" else body.text("allocate_explanation"))
    return Unallocated(index=index, shard=shard, never=can in NEVER, why=why)


def _words(body: Body) -> Iterator[str]:
    """Of all nodes, but for what says no more than that the server has given the shard up."""
    if "node_allocation_decisions" not in body.value:
        return
    for node in body.bodies("node_allocation_decisions"):
        for decider in node.bodies("deciders") if "deciders" in node.value else ():
            if decider.text("decider") != GIVEN_UP:
                yield f"{decider.text('decider')}: {decider.text('explanation')[:LONGEST]}"

"""The plan of a restore in place: what is replaced, what is in the way, what it takes."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import planning
from chalicelib.core.in_place import request_id, safety_run
from tests.unit.planned import LIVE, MB, SURROUNDINGS, conflicts
from tests.unit.replaced import ORDERS, OTHER, STANDING, planned

PLAN = planned()


def test_the_plan_names_what_is_replaced_and_what_is_made() -> None:
    assert [(move.name, move.over.uuid if move.over else None, move.replicas) for move in PLAN.moves] == [
        ("customers", "u-customers", 1),
        ("orders-1", "u-orders-1", 0),
        ("orders-2", None, 0),
    ]
    assert [found.code for found in PLAN.findings] == ["restore.was_closed", "restore.in_place"]
    assert PLAN.saves
    order = planning.order(PLAN)
    assert (order.prefix, [ref.name for ref in order.over or ()]) == ("", ["customers", "orders-1"])
    assert safety_run(PLAN) == f"backup:nightly:{request_id(PLAN.plan_id)}"


def test_where_nothing_is_live_nothing_is_saved() -> None:
    made = planned(standing=(), indices=())
    assert (made.saves, made.conflicts, planning.order(made).over) == (False, (), ())


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"indices": (replace(LIVE, shards=3), ORDERS)}, [("restore.other_shards", "customers")]),
        (
            {"indices": (ORDERS, OTHER)},
            [("restore.name_is_alias", "customers")],
        ),
        ({"indices": (ORDERS,), "streams": ("customers",)}, [("restore.name_is_stream", "customers")]),
        ({"select": ("orders-*",)}, [("restore.not_saved", "customers")]),
        ({"select": ("people", "orders-*")}, []),
    ],
)
def test_what_is_in_the_way(seen: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    standing = STANDING if "indices" not in seen or LIVE.uuid in str(seen["indices"][0]) else STANDING[1:]
    assert conflicts(planned(standing, **seen)) == expected


def test_what_is_replaced_takes_no_new_place_among_the_shards() -> None:
    """Two of the open index go, two of it come back; four of those that are closed or gone are new."""
    assert conflicts(planned(shards=2, shard_limit=6)) == []
    assert conflicts(planned(shards=2, shard_limit=5)) == [("restore.shard_limit", "cluster.max_shards_per_node")]
    assert [move.replicas for move in planned(replicas=2).moves] == [2, 2, 2]


def test_disk_is_needed_for_all_replicas() -> None:
    assert SURROUNDINGS.nodes[0].spare == 200 * MB
    assert conflicts(planned()) == []
    assert [code for code, _ in conflicts(planned(replicas=1))] == []
    assert [code for code, _ in conflicts(planned(replicas=2))] == ["restore.disk"]

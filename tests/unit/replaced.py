"""What is live where a backup is to be restored in place, and the plan of it: the tests change one thing."""

from dataclasses import replace
from typing import Any

from chalicelib.core.plans import Mode, Plan
from chalicelib.core.restores import LiveIndex
from chalicelib.core.spec import Select
from chalicelib.core.swaps import Standing
from tests.unit.planned import FACTS, LIVE, WISH, allowing, plan

SETTINGS = {"index.number_of_replicas": "1", "index.lifecycle.name": "hot"}
ORDERS = LiveIndex(name="orders-1", uuid="u-orders-1", shards=2, replicas=0, closed=True)
OTHER = replace(LIVE, name="c", aliases=("customers",))
STANDING = (
    Standing(name="customers", uuid="u-customers", shards=1, settings=SETTINGS),
    Standing(name="orders-1", uuid="u-orders-1", shards=2, closed=True),
)
"""`orders-2` was deleted."""
THERE = {"indices": (LIVE, ORDERS)}


def planned(standing: tuple[Standing, ...] = STANDING, select: tuple[str, ...] = ("*",), **more: Any) -> Plan:
    spec = allowing("*")
    spec = replace(spec, policy=spec.policy.model_copy(update={"select": Select(indices=select)}))
    wish = replace(WISH, mode=Mode.IN_PLACE, prefix="", replicas=more.pop("replicas", None))
    return plan(wish, replace(FACTS, standing=standing), spec, **{**THERE, **more})

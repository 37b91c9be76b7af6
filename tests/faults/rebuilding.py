"""A cluster that is lost, and what its policies had backed up of it."""

from chalicelib.core.model import Run
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.service import rebuilds, request, restores
from tests.faults.world import FILE, Stage

OTHER = """\
  logs:
    target: shop
    repository: main
    select: {indices: ["logs*"]}
    prove: L2
    notify: {on: [failure, recovery, success]}
"""
WHOLE = FILE.replace("    timeout: 4h", "    timeout: 4h\n    prove: L2").replace(
    "    repositories: {main: {type: fs, settings: {location: main}}}\n",
    "    repositories: {main: {type: fs, settings: {location: main}}}\n    restore: {allow: ['*']}\n",
)
WHOLE += OTHER
WISH = Wish(policy="", mode=Mode.EVERYTHING, prefix="")
BACKING = ".ds-logs-app-2026.11.21-000001"
INDICES = ("orders", "orders-2", "logs", "logs-2")
COMPONENT = {"template": {"settings": {"index": {"number_of_replicas": "0"}}}}
TEMPLATE = {"index_patterns": ["orders*"], "composed_of": ["base"], "priority": 5}


def configured() -> dict[str, dict[str, object]]:
    return {
        "component_templates": {"base": COMPONENT},
        "index_templates": {"orders": TEMPLATE},
        "pipelines": {"clean": {"processors": []}},
        "lifecycle_policies": {"short": {"policy": {"phases": {}}}},
        "cluster_settings": {"cluster.max_shards_per_node": "900"},
    }


def backed_up(file: str = WHOLE, *, stream: bool = False) -> Stage:
    """Four indices of two policies, `orders-2` the most important one; `live` is an alias that writes to `orders`."""
    stage = Stage(file, indices=INDICES)
    stage.engine.configured.update({part: dict(held) for part, held in configured().items()})
    stage.engine.write("orders", 10)
    orders = stage.engine.indices["orders"]
    orders.aliases, stage.engine.alias_details["live"] = ("live",), {"is_write_index": True}
    if stream:
        stage.engine.create_index(BACKING, stream="logs-app", documents=4)
    stage.engine.indices["orders-2"].settings = {"index.priority": "100", "index.lifecycle.name": "short"}
    for policy in ("nightly", "logs"):
        request.backup_now(stage.world, policy, request_id="now-1", requested_by="tester")
        stage.live(2)
        assert stage.run(f"backup:{policy}:now-1").good
    return stage


def lost(stage: Stage) -> Stage:
    """Another cluster answers at the same address, with nothing in it but the repository."""
    stage.engine.indices.clear()
    stage.engine.configured.clear()
    stage.engine.alias_details.clear()
    return stage


def planned(stage: Stage, wish: Wish = WISH) -> Plan:
    return rebuilds.plan(stage.world, wish, by="cli:anna")


def started(stage: Stage, wish: Wish = WISH) -> Run:
    return restores.start(stage.world, planned(stage, wish).plan_id, by="cli:anna")

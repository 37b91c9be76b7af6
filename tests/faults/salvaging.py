"""A restore that ended well and a live index that has gone wrong since: what the tests of salvages begin with."""

from chalicelib.core.model import Run
from chalicelib.core.plans import Plan, Wish
from chalicelib.service import plans, restores, salvages
from tests.fakes.elasticsearch_copies import documents
from tests.faults.world import FILE, Stage

ALLOWED = FILE.replace("    timeout: 4h", "    timeout: 4h\n    prove: L2").replace(
    "    repositories: {main", '    restore: {allow: ["orders*", "restored-*"]}\n    repositories: {main'
)
LIVE, RESTORED = "orders", "restored-orders"


def source(number: int, text: str = "as it was") -> str:
    return f'{{"n": {number}, "text": "{text}"}}'


def restored(file: str = ALLOWED, *, numbers: int = 10, shards: int = 2) -> tuple[Stage, Run]:
    """`numbers` documents were backed up and restored beside the live ones, and are the same on both sides still."""
    stage = Stage(file, indices=())
    stage.engine.create_index(LIVE, shards=shards)
    for number in range(numbers):
        stage.engine.indices[LIVE].put(str(number), source(number))
    stage.backup()
    stage.live(1)
    plan = plans.plan(stage.world, Wish(policy="nightly"), by="cli:anna")
    run = restores.start(stage.world, plan.plan_id, by="cli:anna")
    stage.live(1)
    run = stage.run(run.run_id)
    assert run.good
    return stage, run


def damaged(file: str = ALLOWED, *, shards: int = 2) -> tuple[Stage, Run]:
    """0 to 2 are gone, 3 and 4 are different, one is new; 5 to 9 are as they were."""
    stage, run = restored(file, shards=shards)
    for number in range(3):
        stage.engine.indices[LIVE].erase(str(number))
    for number in (3, 4):
        stage.engine.indices[LIVE].put(str(number), source(number, "spoiled"))
    stage.engine.indices[LIVE].put("new", source(99))
    stage.engine.refresh()
    return stage, run


def dry_run(stage: Stage, run: Run, *, missing_only: bool = False) -> Plan:
    return salvages.plan(stage.world, run.run_id, by="cli:anna", missing_only=missing_only)


def started(stage: Stage, run: Run, *, missing_only: bool = False) -> Run:
    dry_run(stage, run, missing_only=missing_only)
    return salvages.start(stage.world, run.run_id, by="cli:anna", missing_only=missing_only)


def live(stage: Stage) -> dict[str, str]:
    return documents(stage.engine.indices[LIVE])


WHOLE = {**{str(number): source(number) for number in range(10)}, "new": source(99)}

"""What it costs: calls, reads, writes and messages are counted where they happen, and bounded here. Times are not.

Bounds of docs/performance.md. The store in memory counts like DynamoDB's (tests/contract/test_stores_agree.py).
"""

from datetime import timedelta

import pytest

from chalicelib.core import promise, schedule
from chalicelib.core.config import load
from chalicelib.core.messages import Drain, Wakeup
from chalicelib.core.model import State
from chalicelib.core.ports import Create
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.service import tick as ticking
from tests.faults.world import FILE, SLOT, START, Stage

L2 = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    prove: L2\n    contract: {max_shrink: 20%, min_docs: 1}\n")
L1_DRILL = FILE + "    drill: {schedule: '0 4 * * 0', checks: [doc_count, mapping, {sample_hash: 20}]}\n"
L2_DRILL = L1_DRILL + "    prove: L2\n"
MANY = 10_000
FACTS = 3
"""Requests for the cluster's configuration, once a run and beside its bound: the issue allows 10, and 3 an index."""


@pytest.mark.parametrize(("file", "beside"), [(FILE, 4), (L2, 6)], ids=["L1", "L2"])
def test_a_run_costs_a_few_calls_and_one_for_each_look(file: str, beside: int) -> None:
    """The goal is 6 + 1 a look for engine calls (the facts beside), 8 + 1 for writes, 4 + 1 for reads, everything
    counted: also what the tick and the telling do. The first run, which registers the repository and fills the caches,
    is played before."""
    stage = Stage(file, looks=2)
    stage.engine.write("orders", 100)
    stage.backup()
    stage.live(1)
    engine, reads, writes, sent = stage.engine.calls, stage.store.reads, stage.store.writes, len(stage.queue.sent)
    run = stage.backup("now-2")
    placed = stage.store.reads - reads
    for _ in range(60):
        stage.deliver()
        stage.clock.advance(1)
    reads_of_run = stage.store.reads - reads - placed
    run = stage.run(run.run_id)
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    assert stage.engine.calls - engine == run.calls.engine <= beside + FACTS + run.looks
    facts = [stage.engine.sent(what) for what in ("configuration", "cluster_settings", "aliases")]
    assert sum(facts) == 2 * FACTS, "of both runs"
    assert len(stage.vault.objects) == 4, "two of each"
    assert stage.store.writes - writes <= 3 + run.looks
    assert placed <= 4
    assert reads_of_run <= 4 + run.looks
    assert len(stage.queue.sent) - sent <= 1 + run.looks


@pytest.mark.parametrize(("file", "indices"), [(L1_DRILL, 1), (L1_DRILL, 30), (L2_DRILL, 1), (L2_DRILL, 120)])
def test_what_a_drill_will_compare_has_a_budget_of_its_own(file: str, indices: int) -> None:
    """10 requests, and 3 for each index; where many share them it is far less."""
    names = [f"orders-{number}" for number in range(indices)]
    plain = "\n".join(line for line in file.splitlines() if "drill:" not in line)
    stage, bare = Stage(file, indices=names), Stage(plain, indices=names)
    for each in (stage, bare):
        for name in names:
            each.engine.write(name, 100)
        each.engine.refresh()
        each.backup()
        each.live(2)
    run = stage.run("backup:nightly:now-1")
    assert (run.good, run.calls.engine) == (True, stage.engine.calls)
    spent = stage.engine.calls - bare.engine.calls
    assert spent <= 10 + 3 * indices
    assert spent <= 14 + indices // 4
    stable = stage.store.evidence(run.run_id, "stable", run.attempts)
    assert stable is not None
    assert stable.facts is not None
    assert [len(index.stable) for index in stable.facts.indices] == [40] * indices


def test_a_tick_reads_a_fixed_number_of_pages_and_three_rows_for_each_due_policy() -> None:
    stage = _crowd(due=10)
    reads = stage.store.reads
    stage.tick()
    assert stage.store.reads - reads <= 40 + 3 * 11
    assert len(stage.store.runs(limit=100)) == 11, "and the one that every stage has"


def test_ten_thousand_at_once_are_drained_by_messages_at_the_same_cost() -> None:
    stage = _crowd(due=MANY)
    reads = stage.store.reads
    stage.tick()
    assert stage.store.reads - reads <= 40 + 3 * MANY
    assert not any(isinstance(message, Wakeup) for message in stage.queue.sent), "the pages are full: all by messages"
    reads, handled = stage.store.reads, 0
    while handled < len(drains := [message for message in stage.queue.sent if isinstance(message, Drain)]):
        ticking.drain(stage.world, drains[handled])
        handled += 1
    started = [message for message in stage.queue.sent if isinstance(message, Wakeup)]
    assert len(started) == MANY + 1, "and the one that every stage has"
    assert stage.store.reads - reads <= handled + 3 * (MANY + 1) + 2


def _crowd(due: int) -> Stage:
    """MANY policies, each on a target of its own, `due` of them at SLOT."""
    stage = Stage()
    config = load(FILE.encode(), "snapwarden.yaml")
    policy, target = config.policies["nightly"], config.targets["shop"]
    for n in range(MANY):
        name = f"policy-{n}"
        spec = policy.model_copy(update={"name": name, "target": name})
        there = target.model_copy(update={"name": name, "hosts": (f"http://{name}:9200",)})
        at = schedule.due_at(spec, SLOT if n < due else SLOT + timedelta(hours=1))
        state = PolicyState(policy=name, spec_gen=1, cursor=START, since=START, token=name, due_at=at)
        assert stage.store.commit(
            Create(Spec(policy=spec, target=there, gen=1)), Create(promise.rewound(state, spec, START))
        )
    stage.clock.set(SLOT)
    return stage

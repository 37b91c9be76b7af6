"""A drill through the real driver: it proves what came back whole, and leaves nothing; whatever dies on the way."""

import pytest

from chalicelib.core.evidence import Evidence
from chalicelib.core.model import Run, State
from chalicelib.service import control, drills
from tests.faults.world import FILE, Stage

CHECKS = "[doc_count, mapping, {sample_hash: 5}, {query: {index: orders, body: {term: {n: 3}}}}]"
DRILL = FILE.replace(
    "    timeout: 4h",
    f'    timeout: 4h\n    prove: L2\n    drill: {{schedule: "0 4 * * 0", rto: 30m, checks: {CHECKS}}}',
)
SECOND = "snapwarden-drill-main"
NAMES = {"drill-orders", "drill-orders-2"}


def backed_up(file: str = DRILL) -> Stage:
    """Two indices, one backup of them."""
    stage = Stage(file, indices=("orders", "orders-2"))
    for name in ("orders", "orders-2"):
        stage.engine.write(name, 10)
    stage.engine.refresh()
    stage.backup()
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    return stage


def started(stage: Stage, request_id: str = "now-9") -> Run:
    return drills.request(stage.world, "nightly", request_id=request_id, by="cli:anna")


def drilled(stage: Stage, minutes: float = 2) -> Run:
    run = started(stage)
    stage.live(minutes)
    return stage.run(run.run_id)


def made(stage: Stage) -> set[str]:
    return {name for name in stage.engine.indices if name.startswith("drill-")}


def proved(stage: Stage, run: Run) -> Evidence | None:
    return stage.store.evidence(run.run_id, "proved", 1)


def codes(run: Run) -> list[str]:
    return [found.code for found in run.findings]


def test_what_was_backed_up_is_proved_and_nothing_is_left() -> None:
    stage = backed_up()
    run = drilled(stage)
    assert (run.state, run.good, run.reason, codes(run)) == (State.SUCCEEDED, True, None, [])
    assert [step.state for step in run.steps] == [State.PLANNED, State.RESTORING, State.CHECKING, State.SUCCEEDED]
    assert made(stage) == set()
    evidence = proved(stage, run)
    assert evidence
    uuids = {name: index.uuid for name, index in stage.engine.indices.items()}
    assert [(index.name, index.uuid) for index in evidence.indices] == sorted(uuids.items())
    assert run.restore_seconds is not None
    assert (run.leftover, run.told, stage.queue.next_at) == (False, True, None)


def test_it_goes_through_a_second_registration_that_can_only_be_read() -> None:
    stage = backed_up(DRILL.replace("rto: 30m", "max_bytes_per_sec: 20MB"))
    drilled(stage)
    second = stage.engine.repositories[SECOND].definition
    assert second.settings == {"location": "main", "readonly": "true", "max_restore_bytes_per_sec": "20000000b"}
    assert "readonly" not in stage.engine.repositories["main"].definition.settings
    registered = stage.engine.sent("register")
    started(stage, "again")
    stage.live(2)
    assert stage.engine.sent("register") == registered, "it stays, and is registered again only when it differs"


def test_without_the_privilege_it_goes_through_the_repository_itself_and_says_so() -> None:
    stage = backed_up()
    stage.engine.refuse("register", "403")
    run = drilled(stage)
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, True, ["drill.no_second_registration"])
    assert run.through is None
    assert SECOND not in stage.engine.repositories


def test_requests_of_a_drill_are_bounded() -> None:
    """13 before the restore, which is 2, 7 a look, 4 for the checks and 1 for the query, 2 for each index that is
    removed, and 3 for the looks around the removal."""
    stage = backed_up()
    drilled(stage)
    before = stage.engine.calls
    run = started(stage, "second")
    stage.live(2)
    run = stage.run(run.run_id)
    assert run.good
    assert run.calls.engine == stage.engine.calls - before <= 41
    assert run.calls.store_writes <= 12


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("gone", "restore.counts"),
        ("other", "restore.sample"),
        ("mapping", "restore.mapping"),
        ("queried", "drill.query"),
    ],
)
def test_planted_damage_is_found_and_only_the_other_index_is_proved(damage: str, code: str) -> None:
    """Between the restore and the checks."""
    stage = backed_up()
    stage.engine.restore_looks = 2
    run = started(stage)
    stage.live(0.05)
    there = stage.engine.indices["drill-orders"]
    if damage == "gone":
        there.documents -= 1
        there.countable -= 1
    elif damage == "mapping":
        there.mapping = {"properties": {"n": {"type": "keyword"}}}
    else:
        for name in [name for name, _ in there.sources] if damage == "other" else ["3"]:
            there.damage(name, '{"n": 77}')
        there.refresh()
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, run.good) == (State.FAILED, False)
    assert code in codes(run)
    evidence = proved(stage, run)
    assert evidence
    assert [index.name for index in evidence.indices] == ["orders-2"]
    assert made(stage) == set()


def test_a_lost_blob_fails_the_drill() -> None:
    stage = backed_up()
    (backup,) = stage.store.backups("nightly")
    stage.engine.lose_blob(backup.snapshot, "orders")
    run = drilled(stage)
    assert (run.state, codes(run), made(stage)) == (State.FAILED, ["restore.shard_failed"], set())
    assert proved(stage, run) is None


def test_what_could_not_be_compared_is_not_proved() -> None:
    """A backup of before the file asked for drills: nothing was read with it, and it was not counted."""
    stage = backed_up(FILE)
    stage.apply(DRILL)
    run = drilled(stage)
    assert (run.state, run.good) == (State.FAILED, False)
    assert run.reason is not None
    assert run.reason.startswith("nothing could be compared")
    assert proved(stage, run) is None
    assert made(stage) == set()


def test_a_broken_rto_is_an_error_and_the_indices_stay_proved() -> None:
    stage = backed_up(DRILL.replace("rto: 30m", "rto: 1s"))
    stage.engine.restore_looks = 3
    run = drilled(stage)
    assert (run.state, run.good, codes(run)) == (State.SUCCEEDED, False, ["drill.rto"])
    evidence = proved(stage, run)
    assert evidence
    assert len(evidence.indices) == 2


@pytest.mark.parametrize("after", [0.0, 0.06, 0.3], ids=["at once", "restoring", "later"])
def test_a_cancelled_drill_leaves_nothing(after: float) -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage)
    if after:
        stage.live(after)
    control.cancel(stage.world, run.run_id, by="cli:anna", why="wrong one")
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, run.reason) == (State.CANCELLED, "cancelled by cli:anna: wrong one")
    assert (made(stage), proved(stage, run)) == (set(), None)


def test_what_takes_too_long_is_timed_out_and_leaves_nothing() -> None:
    stage = backed_up()
    stage.engine.restore_looks = 10**6
    run = started(stage)
    stage.live(15, step=5)
    run = stage.run(run.run_id)
    assert (run.state, made(stage)) == (State.TIMED_OUT, set())


def test_what_a_snapshot_holds_is_removed_later_and_else_told_as_left_over() -> None:
    stage = backed_up()
    run = started(stage)
    stage.engine.restore_looks = 2
    stage.live(0.04)
    stage.engine.bind("main", "theirs", "drill-orders")
    stage.live(1)
    assert made(stage) == {"drill-orders"}
    stage.live(30, step=5)
    run = stage.run(run.run_id)
    assert (run.leftover, run.state) == (True, State.SUCCEEDED)
    assert codes(run) == ["restore.leftover"]
    assert "drill-orders" in run.findings[0].message


def effects_of_a_drill() -> list[str]:
    stage = backed_up()
    stage.fuse.effects.clear()
    drilled(stage)
    return list(stage.fuse.effects)


EFFECTS = effects_of_a_drill()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(2, len(EFFECTS)), ids=[f"{n}-{name}" for n, name in enumerate(EFFECTS)][2:])
def test_the_process_dies_at_any_side_effect_and_the_drill_still_ends_well(number: int, after: bool) -> None:
    stage = backed_up()
    stage.fuse.effects.clear()
    run = started(stage)
    stage.fuse.kill_at, stage.fuse.after = number, after
    stage.live(15, step=2)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.told) == (State.SUCCEEDED, True, True), (run.reason, run.last_error)
    assert made(stage) == set()
    evidence = proved(stage, run)
    assert evidence
    assert len(evidence.indices) == 2
    assert stage.engine.sent("restore") == 1
    assert {"orders", "orders-2"} == set(stage.engine.indices)


@pytest.mark.parametrize("method", ["register", "restore", "remove", "recovery", "vitals", "documents", "contents"])
def test_a_lost_answer_changes_nothing(method: str) -> None:
    stage = backed_up()
    stage.engine.lose_next_answer(method)
    run = drilled(stage, 4)
    assert (run.state, run.good, made(stage)) == (State.SUCCEEDED, True, set()), (run.reason, run.last_error)
    assert stage.engine.sent("restore") == 1

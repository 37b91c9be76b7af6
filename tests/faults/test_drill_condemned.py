"""What a backup that drills condemned needs to be good again: all that had failed is asked again, as strictly."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import Refused
from chalicelib.core.model import Run, Severity, State
from chalicelib.core.rows import Backup, Spec
from chalicelib.service import drills
from tests.faults.drilling import DRILLS, at_work, backed_up, drilled, settled, state_of, wrong
from tests.faults.world import Stage

DAY = timedelta(days=1)
CHECKS = "[doc_count, mapping, {sample_hash: 20}, {query: {index: orders, body: {match_all: {}}}}]"
FILE = DRILLS.replace('"0 2 * * *"', '"0 2 1 1 *"').replace("rto: 1m", f"rto: 1m, checks: {CHECKS}")
"""No slot comes in between."""


def stage_of() -> Stage:
    stage = Stage(FILE, indices=("orders", "orders-2"))
    stage.engine.write("orders", 40)
    stage.engine.refresh()
    return stage


def first_backup(stage: Stage) -> Backup:
    return backed_up(stage, "now-1")


def entry(stage: Stage, backup: Backup) -> Backup:
    return next(one for one in stage.store.backups("nightly") if one.backup_id == backup.backup_id)


def condemned(stage: Stage) -> tuple[Backup, Backup]:
    """Two backups, of which a drill condemned the newer one."""
    one = first_backup(stage)
    stage.clock.advance(DAY)
    two = backed_up(stage, "now-2")
    settled(stage, at_work(stage, two, "s1", "orders", proved=()), State.FAILED, wrong("restore.sample"))
    assert (entry(stage, two).good, entry(stage, two).errors) == (False, ("restore.sample",))
    assert state_of(stage).last_good["L2"].backup_id == one.backup_id
    return one, two


def test_one_later_drill_of_every_index_makes_a_condemned_backup_good_again_and_says_so() -> None:
    """It stayed worthless for ever, whatever had failed: a repository out of reach for a minute, say."""
    stage = stage_of()
    _, two = condemned(stage)
    run = at_work(stage, two, "s2", "orders", "orders-2")
    state = settled(stage, run)
    back = entry(stage, two)
    assert (back.good, back.errors, back.level) == (True, (), "L4")
    assert {level: good.backup_id for level, good in state.last_good.items()} == dict.fromkeys(
        ("L1", "L2", "L4"), two.backup_id
    )
    assert [found.code for found in stage.run(run.run_id).findings] == ["drill.rehabilitated"]


@pytest.mark.parametrize(
    ("code", "weaker", "left"),
    [
        ("restore.sample", "[doc_count, mapping]", "sample_hash: 20"),
        ("restore.sample", "[doc_count, {sample_hash: 19}]", "sample_hash: 20"),
        ("restore.counts", "[mapping, {sample_hash: 20}]", "doc_count"),
        ("restore.mapping", "[doc_count, {sample_hash: 20}]", "mapping"),
        ("drill.query", "[doc_count, mapping, {sample_hash: 500}]", "the same query of orders"),
        ("drill.query", "[{query: {index: '*', body: {match_all: {}}}}]", "the same query of orders"),
        ("drill.query", "[{query: {index: orders, min_hits: 0, body: {match_all: {}}}}]", "the same query of orders"),
    ],
)
def test_weaker_checks_bring_no_condemned_backup_back(code: str, weaker: str, left: str) -> None:
    """Who took the check out that had failed got a good backup at L4; and the drill says why it does not."""
    stage = stage_of()
    backup = first_backup(stage)
    settled(stage, at_work(stage, backup, "s1", "orders", proved=()), State.FAILED, wrong(code))
    assert entry(stage, backup).failed_in == {code: (1,)}
    stage.apply(FILE.replace(CHECKS, weaker))
    run = at_work(stage, backup, "s2", "orders", "orders-2")
    state = settled(stage, run)
    still = entry(stage, backup)
    assert (still.good, still.errors, still.level, dict(state.last_good)) == (False, (code,), "L2", {})
    (found,) = stage.run(run.run_id).findings
    assert (found.code, found.severity) == ("drill.not_rehabilitated", Severity.WARNING)
    assert found.message.endswith(f"but did not ask again: {left}. It does not count")


@pytest.mark.parametrize(
    ("code", "checks"),
    [
        ("restore.sample", "[{sample_hash: 5}, {sample_hash: 21}]"),
        ("restore.counts", "[doc_count]"),
        ("restore.mapping", "[mapping]"),
        ("drill.query", "[mapping, {query: {index: orders, body: {match_all: {}}}}]"),
        ("restore.shard_failed", "[mapping]"),
        ("restore.replaced", "[mapping]"),
    ],
)
def test_what_had_failed_asked_again_at_least_as_strictly_brings_it_back(code: str, checks: str) -> None:
    """What has nothing to do with it may have left the file meanwhile."""
    stage = stage_of()
    backup = first_backup(stage)
    settled(stage, at_work(stage, backup, "s1", "orders", proved=()), State.FAILED, wrong(code))
    stage.apply(FILE.replace(CHECKS, checks))
    settled(stage, at_work(stage, backup, "s2", "orders", "orders-2"))
    back = entry(stage, backup)
    assert (back.good, back.errors, back.level, dict(back.failed_in)) == (True, (), "L4", {})


def test_the_strictest_drill_that_condemned_it_counts() -> None:
    stage = stage_of()
    backup = first_backup(stage)
    for slot, documents in (("s1", 20), ("s2", 300), ("s3", 5)):
        stage.clock.advance(60)
        stage.apply(FILE.replace("sample_hash: 20", f"sample_hash: {documents}"))
        settled(stage, at_work(stage, backup, slot, "orders", proved=()), State.FAILED, wrong("restore.sample"))
    assert entry(stage, backup).failed_in == {"restore.sample": (1, 2, 3)}
    for slot, documents, good in (("s4", 299, False), ("s5", 300, True)):
        stage.clock.advance(60)
        stage.apply(FILE.replace("sample_hash: 20", f"sample_hash: {documents}"))
        settled(stage, at_work(stage, backup, slot, "orders", "orders-2"))
        assert entry(stage, backup).good is good


def test_a_generation_that_nobody_can_read_any_more_condemns_on_and_the_drill_ends() -> None:
    """What was asked then is not known, so nobody can say that it was asked again."""
    stage = stage_of()
    _, two = condemned(stage)
    stage.apply(FILE.replace("sample_hash: 20", "sample_hash: 500"))
    run = at_work(stage, two, "s2", "orders", "orders-2")
    read = stage.store.spec

    def unreadable(policy: str, gen: int) -> Spec | None:
        if gen == 1:
            raise Refused("another release wrote it")
        return read(policy, gen)

    stage.store.spec = unreadable  # type: ignore[method-assign]
    settled(stage, run)
    assert not entry(stage, two).good
    (found,) = stage.run(run.run_id).findings
    assert "restore.sample, and what was asked then is no longer known" in found.message


def test_a_part_of_it_or_several_drills_make_it_no_better() -> None:
    stage = stage_of()
    one, two = condemned(stage)
    for slot, name in (("s2", "orders"), ("s3", "orders-2")):
        stage.clock.advance(60)
        state = drilled(stage, two, slot, name)
        assert (entry(stage, two).good, state.last_good["L2"].backup_id) == (False, one.backup_id)
    settled(stage, at_work(stage, two, "s4", "orders", "orders-2"), State.FAILED, wrong("restore.counts"))
    assert entry(stage, two).errors == ("restore.sample", "restore.counts")


def test_documents_altered_in_the_repository_are_found_once_and_never_forgiven_by_weaker_checks() -> None:
    """Through the real driver: 12 of 40 documents were other ones, and a drill of `doc_count` and `mapping` brought the
    backup to L4."""
    stage = stage_of()
    backup = first_backup(stage)
    held = stage.engine._readable("main").snapshots[backup.snapshot].held["orders"]
    sources = dict(held.sources)
    for name, _ in list(sources)[2:14]:
        held.damage(name, '{"n":-1}')
    run = asked(stage, backup, "now-1")
    assert (run.state, entry(stage, backup).errors) == (State.FAILED, ("restore.sample",))
    for n, weaker in enumerate(("[doc_count, mapping]", "[{query: {index: '*', body: {match_all: {}}, min_hits: 0}}]")):
        stage.apply(FILE.replace(CHECKS, weaker))
        run = asked(stage, backup, f"now-2{n}")
        assert (run.state, run.findings[-1].code) == (State.SUCCEEDED, "drill.not_rehabilitated")
        assert (entry(stage, backup).good, state_of(stage).last_good) == (False, {})
        (report,) = [one for one in stage.notifier.reports if one.key == f"{run.run_id}#end"]
        assert "did not ask again: sample_hash: 20" in report.body
    stage.apply(FILE)
    assert asked(stage, backup, "now-3").state is State.FAILED
    held.sources.update(sources)
    run = asked(stage, backup, "now-4")
    assert (run.findings[-1].code, entry(stage, backup).level) == ("drill.rehabilitated", "L4")


def test_an_index_that_no_check_looks_at_is_not_proved() -> None:
    """It had come back with one document of forty and no mapping, and was proved by a query of another index."""
    stage = stage_of()
    stage.apply(FILE.replace(CHECKS, "[{query: {index: orders-2, body: {match_all: {}}, min_hits: 0}}]"))
    backup = first_backup(stage)
    held = stage.engine._readable("main").snapshots[backup.snapshot].held["orders"]
    held.documents = held.countable = 1
    held.sources.clear()
    held.mapping = {}
    run = asked(stage, backup, "now-1")
    assert (run.state, run.good, run.reason) == (State.SUCCEEDED, False, "1 of 2 indices proved")
    (found,) = run.findings
    assert (found.code, found.subject) == ("drill.unchecked", "drill-orders")
    assert (entry(stage, backup).level, entry(stage, backup).proved) == ("L2", 1)
    assert "L4" not in state_of(stage).last_good


def test_a_drill_whose_checks_look_at_nothing_proves_nothing() -> None:
    stage = stage_of()
    stage.apply(FILE.replace(CHECKS, "[{query: {index: nothing, body: {match_all: {}}}}]"))
    run = asked(stage, first_backup(stage), "now-1")
    assert run.state is State.FAILED
    assert run.reason == "nothing could be compared: none of `drill.checks` looks at orders: it is not proved"


def asked(stage: Stage, backup: Backup, request_id: str) -> Run:
    drills.request(stage.world, "nightly", request_id=request_id, by="cli:anna", backup=backup.backup_id)
    stage.live(3)
    return stage.run(f"drill:nightly:{request_id}")

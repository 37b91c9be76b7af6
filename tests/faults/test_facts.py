"""What proves a restore is read with a backup, never costs the backup, and finds what is damaged."""

from datetime import timedelta

import pytest

from chalicelib.core.model import IndexRef, Run, State
from chalicelib.core.plans import Move
from chalicelib.core.proving import Facts
from chalicelib.core.restores import RestoreOrder
from chalicelib.service import facts as recording
from chalicelib.service import proving
from tests.faults.world import FILE, Stage

DRILL = FILE + "    prove: L2\n    drill: {schedule: '0 4 * * 0', checks: [doc_count, mapping, {sample_hash: 20}]}\n"
COUNTED = FILE + "    prove: L2\n"
ASKS = ("mappings", "sample", "documents")


def stage_of(file: str = DRILL, *, indices: int = 1, documents: int = 100) -> Stage:
    stage = Stage(file, indices=[f"orders-{number}" for number in range(indices)])
    for name in stage.engine.indices:
        stage.engine.write(name, documents)
    stage.engine.refresh()
    return stage


def backed_up(stage: Stage, name: str = "now-1", *, minutes: float = 2) -> Run:
    run = stage.backup(name)
    stage.live(minutes)
    return stage.run(run.run_id)


def facts(stage: Stage, run: Run, kind: str = "facts") -> Facts:
    found = stage.store.evidence(run.run_id, kind, run.attempts)
    assert found is not None
    assert found.facts is not None
    return found.facts


def checked(stage: Stage, run: Run, *damage: tuple[str, str | None]) -> list[str]:
    """Codes of all findings after a restore of which documents were damaged."""
    (backup,) = [each for each in stage.store.backups("nightly") if each.run_id == run.run_id]
    known = proving.recorded(stage.world, backup)
    sources = [name for name in sorted(stage.engine.indices) if not name.startswith("restored-")]
    order = RestoreOrder(
        repository=run.repository, snapshot=run.snapshot, indices=tuple(sources), prefix="restored-", mark=7
    )
    stage.engine.restorer.restore(order)
    for name, source in damage:
        stage.engine.indices["restored-orders-0"].damage(name, source)
    moves = [Move(source=name, name=f"restored-{name}", shards=1, bytes=1) for name in sources]
    made = [IndexRef(name=move.name, uuid=stage.engine.indices[move.name].uuid) for move in moves]
    found = proving.check_mappings(known, moves, stage.engine)
    found += proving.check_samples(known, moves, made, stage.engine, documents=20)
    return [each.code for each in found]


@pytest.mark.parametrize("checks", ["", "    drill: {schedule: '0 4 * * 0', checks: [doc_count]}\n"])
def test_without_such_checks_nothing_is_read_at_all(checks: str) -> None:
    stage = stage_of(COUNTED + checks)
    run = backed_up(stage)
    assert [stage.engine.sent(ask) for ask in ASKS] == [0, 0, 0]
    assert stage.store.evidence(run.run_id, "facts", 1) is None
    assert set(checked(stage, run)) == {"restore.mapping_not_compared", "restore.not_sampled"}


def test_what_came_back_as_it_was_passes_and_damage_does_not() -> None:
    run = backed_up(whole := stage_of(documents=15))
    assert checked(whole, run) == []
    run = backed_up(altered := stage_of(documents=15))
    assert checked(altered, run, ("7", '{"n":8}')) == ["restore.sample"]
    run = backed_up(dropped := stage_of(documents=15))
    assert checked(dropped, run, ("7", None)) == ["restore.sample"]


def test_writes_during_the_backup_are_no_alarm() -> None:
    stage = stage_of(indices=2)
    run = stage.backup()
    for _ in range(40):
        stage.deliver()
        for name in ("orders-0", "orders-1"):
            index = stage.engine.indices[name]
            index.put(str(index.operations % 50), f'{{"n":{index.operations}}}')
            index.mapping["properties"] = {**index.mapping["properties"], f"f{index.operations}": {"type": "long"}}  # type: ignore[dict-item]
        stage.clock.advance(1)
    run = stage.run(run.run_id)
    assert run.good
    assert 0 < len(facts(stage, run, "stable").indices[0].stable) < 40, "some have changed"
    assert checked(stage, run) == []


@pytest.mark.parametrize("ask", ASKS)
def test_a_refusal_costs_the_facts_and_not_the_backup(ask: str) -> None:
    stage = stage_of()
    stage.engine.refuse(ask, "403 you may not")
    run = backed_up(stage)
    assert (run.state, run.good, run.findings) == (State.SUCCEEDED, True, ())
    codes = checked(stage, run)
    assert codes == (["restore.mapping_not_compared"] if ask == "mappings" else ["restore.not_sampled"])


@pytest.mark.parametrize("ask", ASKS)
def test_silence_is_waited_for_and_costs_the_facts_alone(ask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of()
    request, silent = stage.engine._request, []

    def dead(method: str, subject: str):  # type: ignore[no-untyped-def]
        if method == ask:
            silent.append(stage.clock.now())
            stage.engine.outage(1)
        return request(method, subject)

    monkeypatch.setattr(stage.engine, "_request", dead)
    run = backed_up(stage, minutes=10)
    assert (run.state, run.good, run.findings) == (State.SUCCEEDED, True, ())
    assert silent[-1] - silent[0] >= timedelta(minutes=2), "asked again for a while"
    monkeypatch.undo()
    codes = checked(stage, run)
    assert codes == (["restore.mapping_not_compared"] if ask == "mappings" else ["restore.not_sampled"])


def test_a_defect_of_ours_in_reading_costs_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Facts:
        raise ZeroDivisionError

    monkeypatch.setattr(recording, "before", broken)
    stage = stage_of()
    run = backed_up(stage)
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    assert stage.store.evidence(run.run_id, "facts", 1) is None


def test_what_is_not_reached_in_time_is_said_and_another_run_begins_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(indices=100)
    request = stage.engine._request

    def slow(method: str, subject: str):  # type: ignore[no-untyped-def]
        if method == "sample":
            stage.clock.advance(11)
        return request(method, subject)

    monkeypatch.setattr(stage.engine, "_request", slow)
    first, second = (facts(stage, backed_up(stage, name, minutes=6)) for name in ("now-1", "now-2"))
    for found in (first, second):
        read = [index for index in found.indices if index.documents]
        assert len(read) == recording.TOGETHER
        assert {index.unread for index in found.indices if not index.documents} == {
            "it took longer than 20 s to read the others"
        }
    assert [index.name for index in first.indices] != [index.name for index in second.indices]


def test_big_documents_are_read_a_few_at_a_time_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """An invocation has 512 MB, and an answer becomes several times its size in it."""
    monkeypatch.setattr(recording, "ANSWER", 30_000)
    monkeypatch.setattr(recording, "SOURCES", 100_000)
    stage = Stage(DRILL, indices=[f"orders-{number}" for number in range(10)])
    for index in stage.engine.indices.values():
        for number in range(50):
            index.put(str(number), '{"text": "%s"}' % ("x" * 1000))
    run = backed_up(stage)
    found = facts(stage, run)
    assert 50_000 < sum(index.bytes for index in found.indices) <= 100_000 + 10 * 3 * 1014
    assert all(index.bytes <= 30_000 for index in found.indices)
    assert "0 MB of documents were read" in {index.unread for index in found.indices}


def test_closed_red_and_empty_indices() -> None:
    stage = stage_of(indices=4)
    stage.engine.indices["orders-0"].closed = True
    stage.engine.create_index("orders-1", red=True, documents=5)
    stage.engine.create_index("orders-2")
    run = backed_up(stage)
    unread = {index.name: index.unread for index in facts(stage, run).indices}
    assert unread == {
        "orders-0": "it is closed",
        "orders-1": "it could not be counted",
        "orders-2": None,
        "orders-3": None,
    }


def effects_of_a_whole_run() -> list[str]:
    stage = stage_of(documents=15)
    stage.backup()
    begun = len(stage.fuse.effects)
    stage.live(2)
    return stage.fuse.effects[begun:]


EFFECTS = effects_of_a_whole_run()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(len(EFFECTS)), ids=lambda number: f"{number}-{EFFECTS[number]}")
def test_the_process_dies_at_any_side_effect_and_the_facts_are_of_the_start_that_counts(
    number: int, after: bool
) -> None:
    stage = stage_of(documents=15)
    run = stage.backup()
    stage.fuse.kill_at, stage.fuse.after = len(stage.fuse.effects) + number, after
    stage.live(15, step=2)
    stage.fuse.kill_at = None
    run = stage.run(run.run_id)
    assert (run.state, run.told) == (State.SUCCEEDED, True)
    assert checked(stage, run) == []


def test_a_refusal_now_is_no_pass() -> None:
    run = backed_up(stage := stage_of())
    stage.engine.refuse("documents", "403")
    assert checked(stage, run) == ["restore.not_sampled"]
    with pytest.raises(ValueError, match="21 indices at once"):
        proving.check_mappings(proving.Recorded(), [Move(source="a", name="b", shards=1, bytes=1)] * 21, stage.engine)


def test_a_restored_index_that_is_gone_is_no_pass() -> None:
    run = backed_up(stage := stage_of())
    (backup,) = stage.store.backups("nightly")
    known = proving.recorded(stage.world, backup)
    moves = [Move(source="orders-0", name="restored-orders-0", shards=1, bytes=1)]
    assert [each.code for each in proving.check_mappings(known, moves, stage.engine)] == [
        "restore.mapping_not_compared"
    ]
    (found,) = proving.check_samples(known, moves, [], stage.engine, documents=20)
    assert (found.code, run.good) == ("restore.not_sampled", True)

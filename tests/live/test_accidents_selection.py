"""What a backup holds when not every index is as one would like."""

from chalicelib.core.model import State
from tests.live.accidents import Scene, codes


def test_a_red_index_is_named_and_the_healthy_ones_are_held(scene: Scene) -> None:
    scene.index("whole", settings={"number_of_shards": 2})
    scene.admin.create_red_index(scene.name("red"))
    scene.apply(scene.name("*"))
    run = scene.ended(scene.start())
    assert (run.state, run.shards and (run.shards.total, run.shards.failed)) == (State.PARTIAL, (3, 1))
    (finding,) = run.findings
    assert (finding.code, finding.subject) == ("snapshot.shard_failed", f"{scene.name('red')}[0]")
    assert "primary shard is not allocated" in finding.message
    assert "_cluster/allocation/explain" in finding.next_step
    found = scene.snapshot(run)
    assert (found["state"], found["shards"]["successful"]) == ("PARTIAL", 2)
    assert scene.store.backups("nightly")[0].outcome is State.PARTIAL
    state = scene.store.state("nightly")
    assert state is not None
    assert not state.last_good, "what is not whole is not good"


def test_the_first_whole_backup_after_a_partial_one_is_a_recovery(scene: Scene) -> None:
    scene.index("whole")
    scene.admin.create_red_index(scene.name("red"))
    scene.apply(scene.name("*"))
    assert scene.ended(scene.start()).state is State.PARTIAL
    scene.admin.send("DELETE", f"/{scene.name('red')}")
    run = scene.ended(scene.start())
    assert (run.state, run.recovers) == (State.SUCCEEDED, True)
    assert "RECOVERED" in scene.reports(run)[0].subject


def test_an_index_that_is_not_there_fails_it_and_the_others_are_held(scene: Scene) -> None:
    held = scene.index("held")
    scene.apply(held, scene.name("missing"))
    run = scene.ended(scene.start())
    assert (run.state, codes(run)) == (State.FAILED, ["select.name_unmatched"])
    assert run.findings[0].subject == scene.name("missing")
    assert scene.name("missing") in (run.reason or "")
    assert scene.snapshot(run)["indices"] == [held]


def test_closed_hidden_and_nested_indices_are_held_and_system_ones_are_not_missed(scene: Scene) -> None:
    """Elasticsearch lists `.tasks` among the indices and never puts it into a snapshot of indices."""
    scene.admin.send("PUT", "/.tasks", {"settings": {"number_of_replicas": 0}}, ok=(200, 400))  # 400: is there
    closed, hidden = scene.index("closed"), scene.index("hidden", settings={"index.hidden": True})
    scene.admin.send("POST", f"/{closed}/_close")
    nested = scene.index("nested", documents=0)
    scene.admin.send("PUT", f"/{nested}/_mapping", {"properties": {"lines": {"type": "nested"}}})
    scene.admin.send("POST", f"/{nested}/_doc?refresh=true", {"lines": [{"sku": "a"}, {"sku": "b"}]})
    scene.apply("*")
    run = scene.ended(scene.start())
    assert (run.state, run.findings) == (State.SUCCEEDED, ())
    assert {closed, hidden, nested} <= set(scene.snapshot(run)["indices"])
    assert ".tasks" not in scene.snapshot(run)["indices"]


def test_an_index_that_goes_between_the_question_and_the_start_is_information(scene: Scene) -> None:
    held, gone = scene.index("held"), scene.index("gone")
    scene.apply(scene.name("*"))
    scene.before_start = lambda: scene.admin.send("DELETE", f"/{gone}")
    run = scene.ended(scene.start())
    assert (run.state, codes(run)) == (State.SUCCEEDED, ["select.index_gone"])
    assert run.findings[0].subject == gone
    assert scene.snapshot(run)["indices"] == [held]


def test_when_every_index_goes_before_the_start_it_is_no_success(scene: Scene) -> None:
    """The server calls a snapshot of nothing a success."""
    gone = scene.index("gone")
    scene.apply(scene.name("*"))
    scene.before_start = lambda: scene.admin.send("DELETE", f"/{gone}")
    run = scene.ended(scene.start())
    assert (run.state, codes(run)[0]) == (State.FAILED, "snapshot.empty")
    assert scene.snapshot(run)["state"] == "SUCCESS"

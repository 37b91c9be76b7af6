"""A restore to another target, through the real driver and two clusters: whole or nothing, whatever dies on the way,
the cluster that made the backup included."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import BadInput, Conflict, Refused
from chalicelib.core.messages import Sweep
from chalicelib.core.model import Run, State
from chalicelib.core.plans import Mode, Plan, Wish
from chalicelib.core.spec import Repository
from chalicelib.service import ask, holds, plans, restores, salvages, sweeping
from tests.faults.drilling import settled
from tests.faults.elsewhere import FROM, L2, SPARE, backed_up, dead, spare
from tests.faults.test_events_asked import refused, restore
from tests.faults.world import Killed, Stage

WISH = Wish(policy="nightly", into="spare")
NAMES = {"restored-orders", "restored-orders-2"}
WEEKLY = '  weekly: {target: shop, repository: main, select: {indices: ["x"]}, schedule: "0 3 * * 0"}\n'
READONLY = Repository(type="fs", settings={"location": "main", "readonly": "true"})


def planned(stage: Stage, wish: Wish = WISH) -> Plan:
    return plans.plan(stage.world, wish, by="cli:anna")


def started(stage: Stage, wish: Wish = WISH) -> Run:
    return restores.start(stage.world, planned(stage, wish).plan_id, by="cli:anna")


def test_it_comes_back_on_the_other_cluster_though_the_first_one_is_gone() -> None:
    """The very case that it is for."""
    stage = backed_up()
    dead(stage)
    sent = stage.engine.calls
    run = started(stage)
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, run.good, run.docs, run.findings) == (State.SUCCEEDED, True, 20, ())
    assert (run.target, run.source, run.repository) == ("spare", "shop", "main")
    assert set(spare(stage).indices) == NAMES
    assert spare(stage).repositories[FROM].definition == READONLY
    assert stage.engine.calls == sent, "the cluster of the backup is never asked"
    (report,) = [each for each in stage.notifier.reports if each.key == f"{run.run_id}#end"]
    assert "from shop to spare" in report.body


def test_the_plan_is_of_the_other_target_and_says_what_it_registers() -> None:
    stage = backed_up()
    made = planned(stage)
    assert (made.target, made.source, made.repository, made.through) == ("spare", "shop", "main", FROM)
    assert made.calls[0].startswith(f"PUT /_snapshot/{FROM} ")
    assert made.conflicts == ()
    spare(stage).create_index("restored-orders")
    assert [found.code for found in planned(stage).conflicts] == ["restore.name_taken"]


def test_the_original_names_need_the_yes_of_the_other_target() -> None:
    """They are free there; whether nobody has to ask is its `restore.allow`."""
    stage = backed_up()
    bare = replace(WISH, prefix="")
    assert planned(stage, bare).approval == ("orders", "orders-2")
    stage.apply(L2.replace("allow: [", 'allow: ["orders*", '))
    run = started(stage, bare)
    stage.live(2)
    assert stage.run(run.run_id).good
    assert set(spare(stage).indices) == {"orders", "orders-2"}


@pytest.mark.parametrize("mode", [Mode.SWAP, Mode.IN_PLACE])
def test_modes_that_replace_live_data_are_refused_with_the_way_to_do_it(mode: Mode) -> None:
    stage = backed_up()
    prefix = "" if mode is Mode.IN_PLACE else "restored-"
    with pytest.raises(BadInput, match="--mode rename"):
        planned(stage, replace(WISH, mode=mode, prefix=prefix))


def test_a_target_that_is_not_in_the_file_and_one_that_has_left_it() -> None:
    """What was started goes on by what the file said then."""
    stage = backed_up()
    with pytest.raises(BadInput, match="no target other"):
        planned(stage, replace(WISH, into="other"))
    waiting, run = planned(stage), started(stage, replace(WISH, prefix="restored-b-"))
    stage.apply(L2.replace(SPARE, ""))
    with pytest.raises(BadInput, match="no target spare"):
        planned(stage)
    with pytest.raises(BadInput, match="no target spare"):
        restores.start(stage.world, waiting.plan_id, by="cli:anna")
    stage.live(2)
    assert stage.run(run.run_id).good


def test_another_address_in_the_file_needs_another_plan() -> None:
    stage = backed_up()
    made = planned(stage)
    stage.apply(L2 + WEEKLY)
    moved = (L2 + WEEKLY).replace("9201", "9202")
    assert restores.start(stage.world, made.plan_id, by="cli:anna").target_gen == 2
    other = planned(stage, replace(WISH, prefix="restored-b-"))
    stage.apply(moved)
    with pytest.raises(Conflict, match="spare was applied anew"):
        restores.start(stage.world, other.plan_id, by="cli:anna")


def test_a_repository_that_the_file_does_not_describe_is_refused_with_what_to_write() -> None:
    stage = backed_up()
    stage.apply(L2.replace("{type: fs, settings: {location: main}}", "{type: fs, manage: false}"))
    with pytest.raises(BadInput, match="does not say where repository main of shop is"):
        planned(stage)
    assert spare(stage).sent("register") == 0


def test_a_registration_of_ours_that_differs_is_replaced_and_an_equal_one_is_used() -> None:
    stage = backed_up()
    spare(stage).register(FROM, Repository(type="fs", settings={"location": "main"}))
    planned(stage)
    assert spare(stage).repositories[FROM].definition == READONLY
    registered = spare(stage).sent("register")
    run = started(stage)
    stage.live(2)
    assert stage.run(run.run_id).good
    assert spare(stage).sent("register") == registered


def test_one_that_was_removed_since_the_plan_is_made_again_before_anything_is_read() -> None:
    stage = backed_up()
    run = started(stage)
    del spare(stage).repositories[FROM]
    stage.live(2)
    assert stage.run(run.run_id).good


def test_a_registration_that_is_refused_ends_it_and_nothing_was_touched() -> None:
    stage = backed_up()
    run = started(stage)
    del spare(stage).repositories[FROM]
    spare(stage).refuse("register", "403 no")
    stage.live(2)
    run = stage.run(run.run_id)
    assert (run.state, [found.code for found in run.findings]) == (State.FAILED, ["restore.refused"])
    assert (spare(stage).indices, run.fence is not None) == ({}, True)
    spare(stage).refuse("register", "403 no")
    with pytest.raises(Refused):
        planned(stage)


def test_it_has_the_lease_of_the_place_that_it_reads_and_a_slot_of_the_target_that_it_writes_to() -> None:
    """So nobody deletes there meanwhile; and the end wakes the backup that waits for the place."""
    stage = backed_up()
    spare(stage).restore_looks = 3
    run = started(stage)
    stage.live(0.05)
    own = stage.run("backup:nightly:now-1")
    lease, slots = stage.store.traffic(own.lease, "spare")
    assert lease
    assert slots
    assert (lease.holder, list(slots.holders)) == (run.run_id, [run.run_id])
    backup = stage.backup("now-2")
    assert backup.state is State.QUEUED
    stage.live(4)
    assert (stage.run(run.run_id).good, stage.run(backup.run_id).good) == (True, True)


def test_a_target_that_no_policy_backs_up_can_be_held_and_restores_go_on() -> None:
    stage = backed_up()
    holds.hold(stage.world, "spare", by="cli:ben", why="we look")
    run = started(stage)
    stage.live(2)
    assert stage.run(run.run_id).good


def test_an_event_may_name_the_target_and_starts_only_what_that_one_allows() -> None:
    """Its run registers the repository itself, and thinks it through there; beyond `restore.allow` people decide."""
    stage = backed_up()
    dead(stage)
    ask.handle(stage.world, restore(stage, into="spare", request_id="lost"))
    stage.live(2)
    assert (stage.run("restore:nightly:lost").good, set(spare(stage).indices)) == (True, NAMES)
    ask.handle(stage.world, restore(stage, into="spare", prefix="", request_id="bare"))
    stage.live(2)
    run = stage.run("restore:nightly:bare")
    assert (run.state, run.plan is None, len(spare(stage).indices)) == (State.DEFERRED, False, 2)


def test_an_event_that_names_no_target_of_the_file_is_refused_aloud() -> None:
    stage = backed_up()
    ask.handle(stage.world, restore(stage, into="other"))
    (event,) = refused(stage)
    assert "into: the file in force has no target other" in str(event.detail["reason"])


def test_an_event_whose_target_refuses_the_registration_ends_as_refused() -> None:
    stage = backed_up()
    spare(stage).refuse("register", "403 no")
    ask.handle(stage.world, restore(stage, into="spare", request_id="lost"))
    stage.live(2)
    run = stage.run("restore:nightly:lost")
    assert (run.state, spare(stage).indices) == (State.FAILED, {})
    assert "403 no" in str(run.reason)


def _at_each_effect() -> list[tuple[int, bool]]:
    """After the plan, which somebody types again."""
    stage = backed_up()
    made = planned(stage)
    begun = len(stage.fuse.effects)
    restores.start(stage.world, made.plan_id, by="cli:anna")
    stage.live(3)
    return [(n, after) for n in range(begun, len(stage.fuse.effects)) for after in (False, True)]


@pytest.mark.parametrize(("effect", "after"), _at_each_effect())
def test_the_process_dies_at_any_side_effect_and_it_comes_back_once_and_whole(effect: int, after: bool) -> None:
    stage = backed_up()
    dead(stage)
    made = planned(stage)
    stage.fuse.kill_at, stage.fuse.after = effect, after
    try:
        restores.start(stage.world, made.plan_id, by="cli:anna")
    except Killed:
        stage.fuse.kill_at = None
        restores.start(stage.world, made.plan_id, by="cli:anna")
    stage.live(8)
    run = stage.run(f"restore:nightly:{made.plan_id}")
    assert (run.state, run.good) == (State.SUCCEEDED, True)
    assert set(spare(stage).indices) == NAMES
    assert all(index.writable and index.mark is None for index in spare(stage).indices.values())
    assert spare(stage).sent("restore") == 1


def test_what_it_could_not_remove_is_swept_where_it_is() -> None:
    """By the address that the file in force says; what is live where the backup was made is not looked at."""
    stage = backed_up()
    spare(stage).restore_looks = 10**6
    run = started(stage)
    stage.live(0.5)
    run = stage.run(run.run_id)
    assert set(spare(stage).indices) == NAMES
    settled(stage, run, State.FAILED, leftover=True, told=True)
    dead(stage)
    sweeping.sweep(stage.world, Sweep(policy="nightly", run_id=run.run_id))
    assert spare(stage).indices == {}
    state = stage.store.state("nightly")
    assert state
    assert state.leftovers == {}


def test_documents_are_not_copied_from_one_cluster_into_another() -> None:
    stage = backed_up()
    run = started(stage)
    stage.live(2)
    with pytest.raises(BadInput, match="within one cluster"):
        salvages.plan(stage.world, run.run_id, by="cli:anna")

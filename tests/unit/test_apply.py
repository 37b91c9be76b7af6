"""From the file to the rows: what changes and what stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.rows import LastGood, Pause
from chalicelib.core.spec import Select
from tests.unit.applying import NOON, TWO, Stage, config, difference, policy, target


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_new_policy_is_due_at_its_next_slot_and_at_none_before(stage: Stage) -> None:
    changes = stage.apply(config())
    assert (changes.policies.added, changes.targets.added, changes.generation) == (("nightly",), ("shop",), 1)
    state = stage.state()
    assert (state.cursor, state.since, state.due_at, state.spec_gen) == (NOON, NOON, TWO, 1)
    spec = stage.store.spec("nightly", 1)
    assert spec is not None
    assert (spec.policy, spec.target) == (policy(), target())
    claim = stage.store.config()
    assert claim is not None
    assert (claim.complete, claim.generation, claim.applied_by) == (True, 1, "anna")


def test_jitter_and_blackout_move_the_due_instant(stage: Stage) -> None:
    stage.apply(config(policy(blackout=("01:00-05:30",))))
    assert stage.state().due_at == TWO.replace(hour=5, minute=30)


def test_the_same_file_again_writes_nothing(stage: Stage) -> None:
    stage.apply(config())
    writes = stage.store.writes
    changes = stage.apply(config(), "berta")
    assert changes.nothing
    assert changes.policies.unchanged == ("nightly",)
    assert changes.generation is None
    assert stage.store.writes == writes


def test_a_change_says_what_changed_and_keeps_what_runs_wrote(stage: Stage) -> None:
    stage.apply(config(policy(), policy("hourly")))
    good = {"L1": LastGood(backup_id="b", taken_at=NOON)}
    stage.touch(open_run="backup:nightly:x", last_good=good, catalog_rev=7)
    before = stage.state()
    changes = stage.apply(config(policy(select=Select(indices=("a",), global_state=True)), policy("hourly")))
    assert changes.policies.changed == {"nightly": ("select.global_state", "select.indices")}
    assert changes.policies.unchanged == ("hourly",)
    after = stage.state()
    assert after == replace(before, spec_gen=2, rev=before.rev + 1, token=after.token)
    assert stage.state("hourly").spec_gen == 1
    assert stage.store.spec("nightly", 1) is not None


def test_a_changed_target_gives_its_policies_a_new_generation(stage: Stage) -> None:
    other = target("logs")
    stage.apply(config(policy(), policy("logs", target="logs"), targets=(target(), other)))
    moved = target(hosts=("https://new:9200",))
    changes = stage.apply(config(policy(), policy("logs", target="logs"), targets=(moved, other)))
    assert changes.targets.changed == {"shop": ("hosts",)}
    assert changes.policies.changed == {"nightly": ("target.hosts",)}
    assert (stage.state().spec_gen, stage.state("logs").spec_gen) == (2, 1)


def test_a_changed_schedule_counts_from_now(stage: Stage) -> None:
    stage.apply(config())
    stage.clock.at = NOON + timedelta(hours=10)
    stage.apply(config(policy(schedule=("30 * * * *",))))
    state = stage.state()
    assert (state.cursor, state.due_at) == (stage.clock.at, stage.clock.at + timedelta(minutes=30))


def test_slots_missed_in_an_outage_are_not_forgotten_by_a_changed_schedule(stage: Stage) -> None:
    """The tick has not told yet that nothing ran: it still finds them, and tells."""
    stage.apply(config())
    stage.clock.at = TWO + timedelta(days=3)
    stage.apply(config(policy(jitter=timedelta(minutes=5))))
    assert (stage.state().cursor, stage.state().due_at) == (NOON, TWO)


def test_a_slot_that_waits_for_the_tick_survives_another_change(stage: Stage) -> None:
    stage.apply(config())
    stage.clock.at = TWO + timedelta(seconds=20)
    stage.apply(config(policy(prove="L2")))
    assert (stage.state().cursor, stage.state().due_at) == (NOON, TWO)


def test_a_paused_policy_stays_out_of_the_due_index(stage: Stage) -> None:
    stage.apply(config())
    stage.touch(paused=Pause(by="anna", why="move", at=NOON), due_at=None)
    stage.apply(config(policy(schedule=("30 * * * *",))))
    assert stage.state().due_at is None
    assert stage.state().paused is not None


def test_a_policy_that_left_the_file_stays_active_until_it_is_pruned(stage: Stage) -> None:
    stage.apply(config(policy(), policy("hourly")))
    without = stage.apply(config())
    assert (without.policies.removed, without.retired) == (("hourly",), ())
    assert stage.state("hourly").active
    stage.touch("hourly", open_run="backup:hourly:x")
    assert stage.apply(config(), prune=True).retired == ("hourly",)
    state = stage.state("hourly")
    assert (state.active, state.due_at, state.open_run) == (False, None, "backup:hourly:x")
    assert stage.store.spec("hourly", 1) is not None
    assert stage.apply(config()).nothing


def test_a_retired_policy_comes_back_as_a_new_one(stage: Stage) -> None:
    stage.apply(config(policy(), policy("hourly")))
    stage.apply(config(), prune=True)
    stage.clock.at = NOON + timedelta(days=30)
    assert stage.apply(config(policy(), policy("hourly"))).policies.added == ("hourly",)
    state = stage.state("hourly")
    assert (state.active, state.cursor, state.since) == (True, stage.clock.at, stage.clock.at)
    assert state.due_at == TWO + timedelta(days=30)


def test_targets_that_no_policy_names_are_stored_with_each_generation_for_restores_into_them(stage: Stage) -> None:
    both = config(targets=(target(), target("spare")))
    assert stage.apply(both).targets.added == ("shop", "spare")
    assert difference(stage, both).nothing
    moved = config(targets=(target(), target("spare", hosts=("https://new.internal:9200",))))
    changes = stage.apply(moved)
    assert (changes.targets.changed, changes.policies.changed, changes.generation) == ({"spare": ("hosts",)}, {}, 2)
    rows = [stage.store.target("spare", gen) for gen in (1, 2)]
    assert [row.target for row in rows if row] == [target("spare"), moved.targets["spare"]]
    stage.apply(config(targets=(target(),)))
    assert (stage.store.target("spare", 3), stage.store.target("shop", 3) is None) == (None, False)


def test_many_targets_take_several_transactions_and_come_before_the_policies(stage: Stage) -> None:
    """A policy may restore to any of them."""
    seen: list[bool] = []
    stage.store.before = lambda number: seen.append(stage.store.state("nightly") is None)
    stage.apply(config(targets=(target(), *(target(f"t{n:03d}") for n in range(200)))))
    assert all(stage.store.target(f"t{n:03d}", 1) for n in range(200))
    assert (stage.store.commits, seen) == (5, [True] * 4 + [False])


def test_a_dry_run_is_the_difference_and_writes_nothing(stage: Stage) -> None:
    assert difference(stage, config()).policies.added == ("nightly",)
    assert stage.store.writes == 0


def test_more_than_a_hundred_policies_take_several_transactions(stage: Stage) -> None:
    many = config(*(policy(f"p{n:03d}") for n in range(250)))
    stage.apply(many)
    assert len(stage.store.states()) == 250
    assert stage.store.commits == 2 + 16
    assert stage.apply(many).nothing


def test_big_targets_make_small_transactions(stage: Stage) -> None:
    wide = target(hosts=tuple(f"https://es-{n}.{'x' * 200}:9200" for n in range(600)))
    stage.apply(config(*(policy(f"p{n}") for n in range(20)), targets=(wide,)))
    assert stage.store.commits >= 2 + 3

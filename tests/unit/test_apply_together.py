"""Two applies at once, applies among runs, crashes and lost answers."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import Conflict, Retryable
from chalicelib.core.ports import Update
from chalicelib.service.apply import TAKEOVER
from chalicelib.service.differences import read_current
from tests.unit.applying import Stage, config, difference, policy


class Killed(Exception):
    pass


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_of_two_at_once_one_wins_and_the_other_is_told(stage: Stage) -> None:
    stage.apply(config())

    def other(number: int) -> None:
        stage.store.before = lambda n: None
        stage.apply(config(policy(prove="L2")), "berta")

    stage.store.before = other
    with pytest.raises(Conflict, match=r"another apply \(generation 2 by berta at 2026-11-21 12:00:00Z\) won"):
        stage.apply(config(policy(prove="L3")))
    assert read_current(stage.store)["nightly"].spec == stage.store.spec("nightly", 2)


@pytest.mark.parametrize("dies_before", range(1, 6))
def test_a_crash_anywhere_is_mended_by_the_next(stage: Stage, dies_before: int) -> None:
    def die(number: int) -> None:
        if number == dies_before:
            raise Killed

    many = config(*(policy(f"p{n:03d}") for n in range(120)))
    stage.store.before = die
    with pytest.raises(Killed):
        stage.apply(many)
    stage.store.before = lambda n: None
    if dies_before > 1:
        with pytest.raises(Conflict, match="is under way"):
            stage.apply(many, "berta")
    stage.clock.at += TAKEOVER
    stage.apply(many, "berta")
    assert len(read_current(stage.store)) == 120
    assert difference(stage, many).nothing
    claim = stage.store.config()
    assert claim is not None
    assert (claim.complete, claim.applied_by) == (True, "berta")


def test_who_was_overtaken_while_asleep_writes_nothing_more(stage: Stage) -> None:
    mine = config(*(policy(f"p{n:03d}") for n in range(120)))
    theirs = config(*(policy(f"p{n:03d}", prove="L2") for n in range(120)))

    def sleep(number: int) -> None:
        if number == 3:
            stage.store.before = lambda n: None
            stage.clock.at += TAKEOVER
            stage.apply(theirs, "berta")

    stage.store.before = sleep
    with pytest.raises(Conflict, match="by berta"):
        stage.apply(mine)
    assert difference(stage, theirs).nothing


def test_runs_that_move_the_row_meanwhile_lose_nothing(stage: Stage) -> None:
    stage.apply(config())

    def run(number: int) -> None:
        if number < stage.store.commits + 1 and number % 2 == 1 and stage.state().catalog_rev < 3:
            stage.touch(catalog_rev=stage.state().catalog_rev + 1, open_run="backup:nightly:x")

    stage.store.before = run
    stage.apply(config(policy(prove="L2")))
    state = stage.state()
    assert (state.spec_gen, state.catalog_rev, state.open_run) == (2, 2, "backup:nightly:x")


def test_rows_that_never_rest_are_given_up(stage: Stage) -> None:
    stage.apply(config())
    stage.store.before = lambda number: stage.touch(catalog_rev=number)
    with pytest.raises(Retryable):
        stage.apply(config(policy(prove="L2")))
    assert stage.state().spec_gen == 1


@pytest.mark.parametrize("lost", [4, 5, 6])
def test_an_answer_that_was_lost_is_looked_up(stage: Stage, lost: int) -> None:
    stage.apply(config())

    def lose(number: int) -> None:
        if number == lost:
            raise Retryable("no answer")

    stage.store.after = lose
    assert stage.apply(config(policy(prove="L2"))).generation == 2
    assert difference(stage, config(policy(prove="L2"))).nothing
    claim = stage.store.config()
    assert claim is not None
    assert (claim.complete, claim.rev) == (True, 6)


def test_a_spec_that_is_missing_is_written_anew(stage: Stage) -> None:
    stage.apply(config())
    stage.touch(spec_gen=77)
    assert stage.apply(config()).policies.changed == {"nightly": ("spec",)}
    assert difference(stage, config()).nothing


def test_a_claim_alone_is_completed(stage: Stage) -> None:
    """The crash came after the last row: nothing differs, and the claim is still open."""
    stage.apply(config())
    found = stage.store.config()
    assert found is not None
    stage.store.commit(Update(replace(found, complete=False, rev=found.rev + 1, token="t")))
    stage.clock.at += TAKEOVER
    assert stage.apply(config()).generation == 2
    found = stage.store.config()
    assert found is not None
    assert found.complete

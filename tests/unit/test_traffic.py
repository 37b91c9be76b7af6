"""Who may work on a repository: leases with a fence, slots of a target, and the order of those who wait."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import traffic
from chalicelib.core.leases import Lease, Slots
from chalicelib.core.model import Kind, Run, State
from chalicelib.core.ports import Check, Create, Update
from chalicelib.core.rows import PolicyState
from chalicelib.core.spec import Repository
from chalicelib.core.traffic import GRACE, NEVER, Traffic
from chalicelib.service import queueing
from chalicelib.store.keys import key_of
from tests.unit.workflow import NOW, SPEC, row

SOON, PAST = NOW + timedelta(hours=1), NOW - timedelta(seconds=1)
MINE, OTHER = "backup:nightly:2026-11-21T02:00Z", "backup:hourly:2026-11-21T02:00Z"


def run(**fields: Any) -> Run:
    return row(State.STARTING, **{"lease": "c#l", **fields})


def lease(holder: str | None = OTHER, **fields: Any) -> Lease:
    full = Lease(lease="c#l", holder=holder, expires_at=SOON if holder else None, rev=4, token="old")
    return replace(full, **fields)


def slots(**until: Any) -> Slots:
    holders = {name.replace("_", ":"): at for name, at in until.items()}
    return Slots(target="shop", holders=holders, rev=2, token="old")


NOBODY = Traffic(None, None)


@pytest.mark.parametrize(
    ("roads", "most", "why"),
    [
        (NOBODY, 1, None),
        (Traffic(lease(None), slots()), 1, None),
        (Traffic(lease(MINE), None), 1, None),
        (Traffic(lease(), None), 9, f"{OTHER} works on the same repository"),
        (Traffic(lease(expires_at=PAST), None), 1, None),
        (Traffic(lease(expires_at=NOW), None), 1, None),
        (Traffic(lease(expires_at=None), None), 1, f"{OTHER} works on the same repository"),
        (Traffic(None, slots(a=SOON)), 1, "1 of 1 runs at a time are at work on the target (max_concurrent)"),
        (Traffic(None, slots(a=SOON)), 2, None),
        (Traffic(None, slots(a=SOON, b=SOON)), 2, "2 of 2 runs at a time are at work on the target (max_concurrent)"),
        (Traffic(None, slots(a=PAST)), 1, None),
        (Traffic(None, Slots(target="shop", holders={MINE: SOON})), 1, None),
    ],
)
def test_who_is_in_the_way(roads: Traffic, most: int, why: str | None) -> None:
    """Nobody who is gone, or whose time has run out, and never the run itself."""
    assert traffic.busy(roads, MINE, most, NOW) == why


def test_what_was_never_held_is_created() -> None:
    mine, rows = traffic.take(NOBODY, run(waiting=None), NOW, "t")
    expires = mine.deadline_at + GRACE
    assert rows == (
        Create(Lease(lease="c#l", holder=MINE, expires_at=expires, rev=1, token="t")),
        Create(Slots(target="shop", holders={MINE: expires}, rev=1, token="t")),
    )
    assert mine.fence == 1


def test_what_was_held_before_is_taken_over_with_a_higher_fence() -> None:
    """Holders whose time has run out make room; those at work stay."""
    waiting = traffic.waiter(run(), PolicyState(policy="nightly", spec_gen=1, cursor=NOW))
    mine, rows = traffic.take(Traffic(lease(expires_at=PAST), slots(a=PAST, b=SOON)), run(waiting=waiting), NOW, "t")
    expires = mine.deadline_at + GRACE
    assert rows == (
        Update(Lease(lease="c#l", holder=MINE, expires_at=expires, rev=5, token="t")),
        Update(Slots(target="shop", holders={"b": SOON, MINE: expires}, rev=3, token="t")),
    )
    assert (mine.fence, mine.waiting) == (5, None)


def test_a_lease_outlives_the_deadline_of_its_run() -> None:
    """Its last look, past the deadline, must not find somebody else at work."""
    mine, _ = traffic.take(NOBODY, run(), NOW, "t")
    roads = Traffic(*(change.item for change in traffic.take(NOBODY, run(), NOW, "t")[1]))  # type: ignore[arg-type]
    assert traffic.busy(roads, OTHER, 1, mine.deadline_at + GRACE - timedelta(seconds=1)) is not None
    assert traffic.busy(roads, OTHER, 1, mine.deadline_at + GRACE) is None


def test_release_gives_both_back_and_leaves_the_others() -> None:
    held = Traffic(lease(MINE), Slots(target="shop", holders={MINE: SOON, "b": SOON}, rev=2))
    assert traffic.release(held, run(fence=4, finished_at=NOW), "t") == (
        Update(Lease(lease="c#l", holder=None, expires_at=None, rev=5, token="t")),
        Update(Slots(target="shop", holders={"b": SOON}, freed_at=NOW, rev=3, token="t")),
    )


def test_the_line_is_read_while_those_in_it_may_be_on_their_way() -> None:
    """Also after somebody took the other place that was free."""
    freed = Traffic(lease(None), Slots(target="shop", freed_at=NOW))
    taken = Traffic(*(change.item for change in traffic.take(freed, run(), NOW, "t")[1]))  # type: ignore[arg-type]
    for roads in (freed, taken):
        assert traffic.may_be_awaited(roads, NOW + traffic.ON_THEIR_WAY - timedelta(seconds=1))
        assert not traffic.may_be_awaited(roads, NOW + traffic.ON_THEIR_WAY)
    assert not traffic.may_be_awaited(NOBODY, NOW)
    assert queueing.LATEST < traffic.ON_THEIR_WAY, "each of them has looked by itself"


@pytest.mark.parametrize("taken", [lease(OTHER), lease(MINE, rev=6), lease(None), None])
def test_a_lease_that_was_taken_over_is_left_alone(taken: Lease | None) -> None:
    """Also when the same run holds it again: its earlier self, frozen until now, gives nothing back."""
    held = Traffic(taken, Slots(target="shop", holders={MINE: SOON}, rev=2))
    rows = traffic.release(held, run(fence=3), "t")
    assert rows == (Update(Slots(target="shop", holders={}, rev=3, token="t")),)


@pytest.mark.parametrize("roads", [NOBODY, Traffic(lease(OTHER), slots(b=SOON))])
def test_what_is_not_held_is_not_given_back(roads: Traffic) -> None:
    assert traffic.release(roads, run(fence=3), "t") == ()


def test_a_claim_holds_only_while_nobody_took_the_lease_over() -> None:
    mine, rows = traffic.take(Traffic(lease(None), None), run(), NOW, "t")
    condition = traffic.fenced(mine)
    assert isinstance(condition, Check)
    assert key_of(condition.item, 16) == key_of(rows[0].item, 16)
    assert condition.item.rev == 5


# --- names


def test_one_place_has_one_lease_whatever_it_is_called() -> None:
    """Two targets of one cluster, two names of one location: writers there meet. Another setting of the same place
    makes no other one: who is at work there would not be seen."""
    place = SPEC.target.repositories["main"]
    twin = SPEC.target.model_copy(update={"name": "copy", "repositories": {"other": place}})
    assert traffic.lease_name(twin, "other") == traffic.lease_name(SPEC.target, "main")
    settings = {**place.settings, "location": f"{place.settings['location']}/", "compress": True}
    tuned = SPEC.target.model_copy(update={"repositories": {"main": Repository(type="fs", settings=settings)}})
    assert traffic.lease_name(tuned, "main") == traffic.lease_name(SPEC.target, "main")
    turned = SPEC.target.model_copy(update={"hosts": ("http://b:1", "http://a:1")})
    other_way = SPEC.target.model_copy(update={"hosts": ("http://a:1", "http://b:1")})
    assert traffic.lease_name(turned, "main") == traffic.lease_name(other_way, "main")


@pytest.mark.parametrize(
    "change",
    [
        {"hosts": ("http://elsewhere:9200",)},
        {"repositories": {"main": Repository(type="fs", settings={"location": "another"})}},
        {"repositories": {"main": Repository(type="s3", settings={"location": "main"})}},
    ],
)
def test_other_places_have_other_leases(change: dict[str, Any]) -> None:
    assert traffic.lease_name(SPEC.target.model_copy(update=change), "main") != traffic.lease_name(SPEC.target, "main")


def test_a_place_that_the_file_does_not_describe_is_known_by_its_name() -> None:
    bare = Repository(type="fs", manage=False)
    both = SPEC.target.model_copy(update={"repositories": {"one": bare, "two": bare}})
    assert traffic.lease_name(both, "one") != traffic.lease_name(both, "two")


# --- the line


def policy(**clocks: Any) -> PolicyState:
    return PolicyState(policy="nightly", spec_gen=1, cursor=NOW, **clocks)


def asked(name: str, kind: Kind, minutes: float, breach: float | None, *, broken: float | None = None) -> str:
    """The key that a waiter stands under; the store hands them out in the order of their keys."""
    at = NOW + timedelta(minutes=minutes)
    hours = {"breach_at": breach, "broken_since": broken}
    clocks = {clock: NOW + timedelta(hours=value) for clock, value in hours.items() if value is not None}
    waiter = traffic.waiter(run(run_id=name, kind=kind, created_at=at), policy(**clocks))
    return key_of(waiter, 16).sk


def test_restores_go_before_backups_before_retention_then_the_earlier_breach_then_who_asked_first() -> None:
    right = [
        asked("h", Kind.RESTORE, 9, None),
        asked("g", Kind.BACKUP, 9, None, broken=-3),
        asked("f", Kind.BACKUP, 9, 1),
        asked("e", Kind.BACKUP, 1, 2),
        asked("d-1", Kind.BACKUP, 2, 2),
        asked("d-2", Kind.BACKUP, 2, 2),
        asked("c", Kind.BACKUP, 0, None),
        asked("b", Kind.RETENTION, 0, -9),
    ]
    assert sorted(right) == right


def test_a_policy_without_a_promise_waits_behind_those_that_have_one() -> None:
    assert traffic.waiter(run(), policy()).breach_at == NEVER


def test_who_goes_first() -> None:
    one, two, three = (
        traffic.waiter(run(run_id=name, lease=place), policy())
        for name, place in (("one", "c#l"), ("two", "c#other"), ("three", "c#l"))
    )
    line = (one, two, three)
    assert traffic.goes_first(line, run(run_id="one")) is None
    assert traffic.goes_first(line, run(run_id="two", lease="c#other")) is None, "those before it want another place"
    assert traffic.goes_first(line, run(run_id="three")) == "one"
    assert traffic.goes_first(line, run(run_id="not in line")) == "one"
    assert traffic.goes_first((), run(run_id="alone")) is None

"""What a drill restores: everything in turn, the biggest first, never the same biggest one twice in a row."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import drilling, guards
from chalicelib.core.guards import Around
from chalicelib.core.plans import Plan
from chalicelib.core.proving import Vitals
from chalicelib.core.restores import Contents, DataNode, HeldIndex
from chalicelib.core.spec import Drill, RandomWithin, Repository
from tests.contract.records import a_backup, a_run
from tests.unit.planned import CONTENTS, MB, NOW, SURROUNDINGS, plan

DRILL = Drill(schedule=("rate(7 days)",))
VITALS = Vitals(status="green", relocating=0, initializing=0, unassigned=3, heap=(("one", 40),))
NODE = DataNode(name="one", spare=200 * MB, size=500 * MB)
PLAN: Plan = plan()
QUIET = Around(vitals=VITALS, surroundings=replace(SURROUNDINGS, nodes=(NODE,)))


def held(**sizes: int) -> Contents:
    return replace(CONTENTS, indices=tuple(HeldIndex(name=name, shards=1, bytes=size) for name, size in sizes.items()))


def names(contents: Contents, drill: Drill, seed: str = "s", **more: Any) -> list[str]:
    found = drilling.sample(contents, drill, seed, proved=more.pop("proved", {}), **more)
    return [index.name for index in found.indices]


@given(
    sizes=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), min_size=1),
    many=st.integers(1, 4),
    most=st.integers(50, 80),
)
def test_every_index_is_proved_in_time_whatever_their_sizes(sizes: dict[str, int], many: int, most: int) -> None:
    """Each fits by itself; after as many drills as would do one by one, and half as many again, none was left out."""
    contents, drill = held(**sizes), DRILL.model_copy(update={"sample": many, "max_bytes": most})
    proved: dict[str, datetime] = {}
    before: list[str] = []
    for turn in range(2 * len(sizes) + 8):
        before = names(contents, drill, f"run-{turn}", proved=proved, before=before)
        assert 1 <= len(before) <= many
        assert sum(sizes[name] for name in before) <= most
        proved |= dict.fromkeys(before, NOW + timedelta(days=turn))
    assert proved.keys() == sizes.keys()


def test_those_that_fail_again_and_again_starve_nobody() -> None:
    contents, drill = held(a=1, b=2, c=3, d=4), DRILL.model_copy(update={"sample": 1})
    before: list[str] = []
    seen: set[str] = set()
    for turn in range(100):
        before = names(contents, drill, f"run-{turn}", before=before)
        seen |= set(before)
    assert seen == {"a", "b", "c", "d"}


@given(st.text(max_size=20))
def test_the_biggest_one_of_the_drill_before_never_leads_again(seed: str) -> None:
    contents, drill = held(small=1, big=9), DRILL.model_copy(update={"sample": 1})
    assert names(contents, drill, seed, before=["big"]) == ["small"]


def test_the_same_run_draws_the_same() -> None:
    contents, drill = held(**{f"i{n}": n for n in range(1, 30)}), DRILL.model_copy(update={"sample": 5})
    assert names(contents, drill, "run-1") == names(contents, drill, "run-1")
    assert len({tuple(names(contents, drill, f"run-{n}")) for n in range(10)}) > 3


def test_what_can_never_be_drilled_is_told() -> None:
    contents = replace(held(big=9, **{".ds-logs-app-2026.11.21-000001": 1}, fits=3), streams=("logs-app",))
    found = drilling.sample(contents, DRILL.model_copy(update={"max_bytes": 5}), "s", proved={})
    assert [index.name for index in found.indices] == ["fits"]
    assert [(each.code, each.subject) for each in found.findings] == [
        ("drill.too_big", "big"),
        ("drill.data_stream", "logs-app"),
    ]
    assert "L4" not in "".join(each.message for each in found.findings)


def test_a_promise_that_drills_can_never_keep_is_told_with_the_way_out() -> None:
    """Silence would let the promise wait, and then break, for a reason that nobody names."""
    contents = replace(held(big=9, **{".ds-logs-app-2026.11.21-000001": 1}, fits=3), streams=("logs-app",))
    found = drilling.sample(contents, DRILL.model_copy(update={"max_bytes": 5}), "s", proved={}, promised=True)
    assert all("L4 can't be kept" in each.message for each in found.findings)
    assert "`select.exclude: [logs-app]`" in found.findings[1].next_step
    assert drilling.undrilled(found.findings) == ("big (larger than `drill.max_bytes`)", "logs-app (data stream)")
    assert drilling.never(["a (data stream)"]) == "a (data stream) is never drilled"


def test_which_backup() -> None:
    newest, old = a_backup(), replace(a_backup(), backup_id="old", taken_at=NOW - timedelta(days=30))
    bad = replace(a_backup(), backup_id="bad", good=False)
    within = DRILL.model_copy(update={"select": RandomWithin(random_within=timedelta(days=14))})
    good = replace(newest, good=True, taken_at=NOW)
    recent = replace(good, backup_id="recent", taken_at=NOW - timedelta(days=3))
    everything = [bad, good, recent, replace(old, good=True)]
    assert drilling.backup(everything, DRILL, "s", NOW) == good
    drawn = {found.backup_id for n in range(40) if (found := drilling.backup(everything, within, f"{n}", NOW))}
    assert drawn == {good.backup_id, "recent"}
    assert drilling.backup([bad], DRILL, "s", NOW) is drilling.backup([], within, "s", NOW) is None


def test_the_second_registration_is_the_same_place_to_be_read_only() -> None:
    live = Repository(type="fs", settings={"location": "main", "compress": "true"})
    made = drilling.registration(live, DRILL.model_copy(update={"max_bytes_per_sec": 1000}))
    assert made.type == "fs"
    assert made.settings == {**live.settings, "readonly": "true", "max_restore_bytes_per_sec": "1000b"}


def test_what_it_should_take_follows_from_earlier_ones() -> None:
    fast = replace(a_run(), bytes=100 * MB, restore_seconds=1.0)
    assert drilling.expected(PLAN, DRILL, [fast]) == timedelta(seconds=1 + 60 + 3)
    slow = DRILL.model_copy(update={"max_bytes_per_sec": MB})
    assert drilling.expected(PLAN, slow, [fast]) == timedelta(seconds=100 + 60 + 3)
    assert drilling.expected(PLAN, DRILL, []) > timedelta(seconds=62)
    assert drilling.budget(timedelta(minutes=2)) == timedelta(minutes=11)
    assert drilling.budget(timedelta(hours=9)) == timedelta(hours=12)


@pytest.mark.parametrize(
    ("guard", "vitals", "around"),
    [
        ("status", {"status": "red"}, {}),
        ("moving", {"relocating": 1}, {}),
        ("moving", {"initializing": 1}, {}),
        ("heap", {"heap": (("one", 75),)}, {}),
        ("due", {}, {"due": ("nightly", NOW)}),
        ("due", {}, {"unknown": 100}),
        ("waiting", {}, {"waiting": "backup:nightly:x"}),
        ("shards", {}, {"surroundings": replace(QUIET.surroundings, shards=796)}),
        ("allocation", {}, {"surroundings": replace(QUIET.surroundings, allocation="primaries")}),
        ("disk", {}, {"surroundings": replace(QUIET.surroundings, nodes=(replace(NODE, spare=149 * MB),))}),
    ],
)
def test_each_guard_says_no(guard: str, vitals: dict[str, Any], around: dict[str, Any]) -> None:
    found = guards.says_no(PLAN, replace(QUIET, vitals=replace(VITALS, **vitals), **around))
    assert found is not None
    assert (found.code, found.subject) == ("drill.guard", guard)


def test_a_quiet_cluster_is_fine_up_to_each_limit() -> None:
    """100 MB in 5 shards: 795 of 1,000, and 50 MB of 500 that stay free."""
    assert guards.says_no(PLAN, QUIET) is None
    edge = replace(QUIET.surroundings, shards=795, nodes=(replace(NODE, spare=150 * MB),))
    assert guards.says_no(PLAN, replace(QUIET, surroundings=edge, vitals=replace(VITALS, heap=(("one", 74),)))) is None
    unwatched = replace(QUIET.surroundings, nodes=(DataNode(name="one", spare=None),))
    assert guards.says_no(PLAN, replace(QUIET, surroundings=unwatched)) is None


def test_what_the_drill_itself_does_forbids_nothing() -> None:
    """Its own primaries are initialized, its own shards are open, what it has written needs no more room."""
    begun = replace(
        QUIET,
        begun=True,
        done=2,
        bytes_done=60 * MB,
        vitals=replace(VITALS, status="yellow", initializing=3),
        surroundings=replace(QUIET.surroundings, shards=800, nodes=(replace(NODE, spare=90 * MB),)),
    )
    assert guards.says_no(PLAN, begun) is None
    assert guards.says_no(PLAN, replace(begun, done=3)) is not None, "one more than its own"


def test_allocation_that_is_switched_off_stops_a_drill_until_all_its_primaries_are_there() -> None:
    """A shard that comes later would be given up, and the backup blamed for it."""
    off = replace(QUIET, begun=True, done=4, surroundings=replace(QUIET.surroundings, allocation="none"))
    found = guards.says_no(PLAN, replace(off, vitals=replace(VITALS, initializing=1)))
    assert found is not None
    assert found.subject == "allocation"
    assert guards.says_no(PLAN, replace(off, done=5)) is None

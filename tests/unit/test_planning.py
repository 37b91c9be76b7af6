"""A plan says what would be made and all that is in the way, each with its fix, before anything is touched."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core import planning, plans, wishes
from chalicelib.core.model import IndexRef, Severity
from chalicelib.core.plans import Mode, Wish
from chalicelib.core.restores import Contents, DataNode, HeldIndex
from chalicelib.core.spec import Select
from chalicelib.core.swaps import Standing
from tests.contract.records import a_spec
from tests.unit.planned import BACKUP, CONTENTS, FACTS, LIVE, MB, NOW, WISH, allowing, conflicts, count, plan


def _held(*names: str) -> Contents:
    return replace(CONTENTS, indices=tuple(HeldIndex(name=name, shards=1, bytes=MB) for name in names))


def test_everything_comes_back_beside_the_live_data() -> None:
    made = plan()
    assert [(move.source, move.name) for move in made.moves] == [
        ("customers", "restored-customers"),
        ("orders-1", "restored-orders-1"),
        ("orders-2", "restored-orders-2"),
    ]
    assert (made.bytes, made.spare, made.conflicts, made.approval) == (100 * MB, 200 * MB, (), ())
    assert (made.backup_id, made.snapshot_uuid) == (BACKUP.backup_id, BACKUP.snapshot_uuid)


def test_the_order_is_the_plan() -> None:
    made = plan(replace(WISH, indices=("orders-*",), prefix="drill-x-"))
    order = planning.order(made)
    assert (order.indices, order.prefix) == (("orders-1", "orders-2"), "drill-x-")
    assert (order.repository, order.snapshot) == (BACKUP.repository, BACKUP.snapshot)
    assert order.mark == made.mark > 0


@pytest.mark.parametrize("patterns", [("nothing-*",), ("orders-1", "Orders")])
def test_a_pattern_that_means_nothing_is_a_conflict_with_what_there_is(patterns: tuple[str, ...]) -> None:
    made = plan(replace(WISH, indices=patterns))
    assert conflicts(made) == [("restore.not_in_backup", patterns[-1])]
    assert "customers, orders-1" in made.conflicts[0].next_step


@pytest.mark.parametrize("mode", [Mode.RENAME, Mode.IN_PLACE])
@pytest.mark.parametrize(("pattern", "meant"), [("orders[1]", ["orders[1]"]), ("orders[*", ["orders[1]", "orders[a]"])])
def test_brackets_are_letters_of_a_name(mode: Mode, pattern: str, meant: list[str]) -> None:
    """`orders[1]` meant `orders1`: another index came back, or was restored over."""
    held = _held("orders1", "orders[1]", "orders[a]", "ordersa")
    live = tuple(replace(LIVE, name=index.name) for index in held.indices)
    facts = replace(FACTS, contents=held, surroundings=replace(FACTS.surroundings, indices=live))
    prefix = "" if mode is Mode.IN_PLACE else "restored-"
    made = plan(replace(WISH, mode=mode, prefix=prefix, indices=(pattern,)), facts=facts)
    assert [(move.source, move.name) for move in made.moves] == [(name, prefix + name) for name in meant]
    without = replace(facts, contents=_held("orders1"))
    assert conflicts(plan(replace(WISH, indices=("orders[1]",)), facts=without)) == [
        ("restore.not_in_backup", "orders[1]")
    ]


def test_a_backup_of_nothing_restores_nothing() -> None:
    assert conflicts(plan(facts=replace(FACTS, contents=_held()))) == [("restore.nothing", "indices")]


@pytest.mark.parametrize(
    ("there", "code"),
    [
        ({"indices": (LIVE, replace(LIVE, name="restored-customers"))}, "restore.name_taken"),
        ({"indices": (replace(LIVE, name="restored-customers", closed=True),)}, "restore.name_taken"),
        ({"indices": (replace(LIVE, aliases=("restored-customers",)),)}, "restore.name_is_alias"),
        ({"streams": ("restored-customers",)}, "restore.name_is_stream"),
    ],
)
def test_a_name_that_is_taken_is_a_conflict(there: dict[str, Any], code: str) -> None:
    made = plan(**there)
    assert conflicts(made) == [(code, "restored-customers")]
    assert "--prefix" in made.conflicts[0].next_step


def test_a_name_may_have_255_bytes() -> None:
    fits, long = "é" * 123, "é" * 123 + "x"
    made = plan(facts=replace(FACTS, contents=_held(fits, long)))
    assert conflicts(made) == [("restore.bad_name", f"restored-{long}")]


def test_shards_beyond_the_limit_of_the_cluster() -> None:
    assert conflicts(plan(shards=995)) == []
    assert conflicts(plan(shards=996)) == [("restore.shard_limit", "cluster.max_shards_per_node")]


def test_disk_is_counted_below_the_low_watermark() -> None:
    def nodes(*spare: int | None) -> tuple[DataNode, ...]:
        return tuple(DataNode(name=str(n), spare=room) for n, room in enumerate(spare))

    assert conflicts(plan(nodes=nodes(100 * MB))) == []
    assert conflicts(plan(nodes=nodes(99 * MB))) == [("restore.disk", "cluster.routing.allocation.disk.watermark.low")]
    assert conflicts(plan(nodes=nodes(*(24 * MB,) * 5))) == [("restore.disk", "orders-2")], "no shard fits anywhere"
    assert conflicts(plan(nodes=nodes(None))) == [], "watermarks are switched off"


@pytest.mark.parametrize(
    ("backup", "server", "works"),
    [
        ("8.19.0-8.19.2", "8.19.2", True),
        ("8.19.2", "9.2.0", True),
        ("7.17.0", "9.2.0", False),
        ("9.2.0", "8.19.2", False),
        ("8.20.0", "8.19.2", False),
    ],
)
def test_no_server_reads_what_a_newer_one_wrote_nor_what_is_two_majors_old(
    backup: str, server: str, works: bool
) -> None:
    made = plan(facts=replace(FACTS, contents=replace(CONTENTS, version=backup)), version=server)
    assert conflicts(made) == ([] if works else [("restore.version", BACKUP.backup_id)])


def test_torn_indices_need_a_word_and_are_left_out() -> None:
    torn = replace(CONTENTS.indices[0], whole=False)
    facts = replace(FACTS, contents=replace(CONTENTS, indices=(torn, *CONTENTS.indices[1:])))
    refused = plan(facts=facts)
    assert conflicts(refused) == [("restore.partial", BACKUP.backup_id)]
    assert "customers" in refused.conflicts[0].message
    allowed = plan(replace(WISH, allow_partial=True), facts)
    assert (allowed.conflicts, [move.source for move in allowed.moves]) == ((), ["orders-1", "orders-2"])
    assert [found.code for found in allowed.findings] == ["restore.partial"]


def test_a_backup_that_was_replaced_is_not_the_one_in_the_catalogue() -> None:
    facts = replace(FACTS, contents=replace(CONTENTS, uuid="another"))
    assert conflicts(plan(facts=facts)) == [("restore.replaced", BACKUP.backup_id)]


def test_a_backup_that_is_not_good_is_said_to_be_none() -> None:
    facts = replace(FACTS, backup=replace(BACKUP, good=False, errors=("contract.min_docs",)))
    (found,) = [one for one in plan(facts=facts).findings if one.code == "restore.not_good"]
    assert (found.severity, "contract.min_docs" in found.message) == (Severity.WARNING, True)


def test_names_beyond_those_allowed_need_a_second_person_or_are_refused() -> None:
    wish = replace(WISH, indices=("customers",), prefix="copy-")
    second = plan(wish, spec=allowing("restored-*"))
    assert (second.approval, conflicts(second)) == (("copy-customers",), [])
    assert [(found.code, found.severity) for found in second.findings] == [("restore.approval", Severity.WARNING)]
    assert conflicts(plan(wish, spec=allowing("restored-*", approval=False))) == [
        ("restore.not_allowed", "copy-customers")
    ]
    assert conflicts(plan(wish, spec=allowing("copy-*"))) == []


@pytest.mark.parametrize("mode", [Mode.SWAP, Mode.IN_PLACE])
def test_live_names_need_a_second_person_whatever_the_prefix_is(mode: Mode) -> None:
    """The hint must not name an option that changes nothing, or that the mode refuses."""
    wish = replace(WISH, indices=("customers",), mode=mode, prefix="" if mode is Mode.IN_PLACE else "restored-")
    facts = replace(FACTS, standing=(Standing(name="customers", uuid="u", shards=1),))
    (found,) = [
        one for one in plan(wish, facts, spec=allowing("restored-*")).findings if one.code == "restore.approval"
    ]
    assert "or --mode rename, with a --prefix that" in found.next_step


def test_how_far_the_backup_is_behind_is_told_for_the_very_same_index() -> None:
    facts = replace(
        FACTS,
        before=(count("customers", 10, 9), count("orders-1", 5, 2, 3), count("orders-2", 1, 0, 0)),
        counts=(count("customers", 12, 15), count("orders-1", 5, 2, 3), count("orders-2", 9, 7, 8, uuid="anew")),
    )
    assert [move.behind for move in plan(facts=facts).moves] == [6, 0, None]


def test_a_plan_is_known_by_what_is_in_it() -> None:
    made = plan()
    assert made.plan_id == plan().plan_id != plan(replace(WISH, indices=("orders-1",))).plan_id
    assert made.mark < 2**53


def test_what_moves_all_the_time_does_not_move_the_world() -> None:
    later = replace(plan(nodes=(DataNode(name="one", spare=150 * MB),)), made_at=NOW + timedelta(minutes=5))
    assert plans.moved(plan(), later) == ()


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"indices": (replace(LIVE, name="restored-customers"),)}, "there is an index restored-customers"),
        ({"version": "9.2.0"}, "the server was 8.19.2, and is 9.2.0"),
        ({"nodes": ()}, "below the low watermark"),
    ],
)
def test_a_world_that_moved_is_told(there: dict[str, Any], said: str) -> None:
    (found,) = plans.moved(plan(), plan(**there))
    assert said in found


def test_a_list_of_indices_that_changed_is_told() -> None:
    fewer = plan(Wish(policy="nightly"), replace(FACTS, contents=_held("customers")))
    assert plans.moved(plan(), fewer) == ("what would be restored is no longer the same list of indices",)


def test_replicas_that_are_put_back_count_among_the_shards() -> None:
    """They are refused when all is restored and checked already, and then it all has to go again."""
    two = IndexRef(name="orders-1", uuid="u", settings={"index.number_of_replicas": "2"})
    facts = replace(FACTS, originals=(two,))
    assert conflicts(plan(shard_limit=11, facts=facts)) == []
    assert conflicts(plan(shard_limit=10, facts=facts)) == [("restore.shard_limit", "cluster.max_shards_per_node")]


def test_a_backup_without_the_settings_of_its_indices_says_what_that_means() -> None:
    """Made by a release that did not write them down: replicas and all else are the server's defaults then."""
    made = plan(facts=replace(FACTS, originals=FACTS.originals[1:]))
    (found,) = made.findings
    assert (found.code, found.severity, found.subject) == ("restore.no_settings", Severity.WARNING, "customers")
    assert "customers was" not in found.message
    assert plan().findings == ()


def test_a_policy_that_would_take_what_is_made_is_named() -> None:
    """It may be backed up before it is whole."""
    mine, other = a_spec().policy, a_spec().policy
    other = other.model_copy(update={"name": "all", "select": Select(indices=("*",), exclude=("*-2",))})
    mine = mine.model_copy(update={"select": Select(indices=("orders-*",))})
    facts = replace(FACTS, policies=(mine, other))
    (found,) = plan(replace(WISH, prefix="copy-"), facts, allowing("copy-*")).findings
    assert (found.code, found.subject) == ("restore.backed_up_too", "all")
    assert "copy-customers and 1 other" in found.message
    assert plan(facts=facts).findings == ()


def test_without_a_prefix_the_original_names_must_be_free_and_permitted() -> None:
    """The way back after the loss of a cluster; where the names are live it is a conflict like any other."""
    bare = replace(WISH, prefix="", indices=("orders-1",))
    assert wishes.problems(bare) == ()
    made = plan(bare, spec=allowing("orders-*"))
    assert [(move.source, move.name) for move in made.moves] == [("orders-1", "orders-1")]
    assert (made.conflicts, made.approval) == ((), ())
    assert plan(bare).approval == ("orders-1",)
    assert conflicts(plan(bare, indices=(replace(LIVE, name="orders-1"),))) == [("restore.name_taken", "orders-1")]


@pytest.mark.parametrize("mode", [Mode.SWAP, Mode.DRILL])
def test_other_modes_need_a_prefix(mode: Mode) -> None:
    assert "--prefix" in [problem.key for problem in wishes.problems(replace(WISH, prefix="", mode=mode))]


def test_a_wish_is_typed_as_it_was_meant() -> None:
    """What a report tells people to type must restore the same, in a shell, too."""
    typed = wishes.command(replace(WISH, indices=("a*", "b"), prefix="copy-", replicas=0, into="spare"))
    assert typed == "restore plan --policy nightly --indices 'a*' --indices b --prefix copy- --into spare --replicas 0"
    assert wishes.command(WISH) == "restore plan --policy nightly"
    assert "--prefix ''" in wishes.command(replace(WISH, prefix=""))

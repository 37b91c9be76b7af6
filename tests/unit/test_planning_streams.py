"""A data stream comes back whole and as a stream, or the plan says why not."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import planning, streams
from chalicelib.core.model import IndexRef, Severity
from chalicelib.core.plans import Mode, Plan
from chalicelib.core.restores import HeldIndex, RestoreOrder
from chalicelib.core.spec import Select
from chalicelib.core.streams import StreamRef, Template
from tests.contract.records import a_spec
from tests.unit.planned import CONTENTS, FACTS, LIVE, MB, WISH, allowing, conflicts, plan

FIRST, SECOND = ".ds-logs-app-2026.11.20-000001", ".ds-logs-app-2026.11.21-000002"
OTHER = ".ds-logs-2026.11.21-000007"
HELD = tuple(HeldIndex(name=name, shards=1, bytes=MB) for name in (OTHER, FIRST, SECOND, "orders"))
CONTENTS_ = replace(CONTENTS, indices=HELD, streams=("logs", "logs-app"))
STREAMS = replace(FACTS, contents=CONTENTS_, surroundings=replace(FACTS.surroundings, indices=(), streams=()))
CATCHES = Template(name="mine", patterns=("restored-*",), streams=True)


def planned(*patterns: str, prefix: str = "restored-", mode: Mode = Mode.RENAME, **around: Any) -> Plan:
    return plan(replace(WISH, indices=patterns, prefix=prefix, mode=mode), STREAMS, **around)


def notes(made: Plan) -> list[str]:
    return [found.code for found in made.findings if found.severity is Severity.WARNING]


@pytest.mark.parametrize(
    ("index", "stream"),
    [
        (FIRST, "logs-app"),
        (OTHER, "logs"),
        (".fs-logs-2026.11.21-000001", "logs"),
        ("shrink-x1y2-.ds-logs-app-2026.11.20-000001", "logs-app"),
        (".ds-logs-000001", "logs"),
        (".ds-daily-2026.11.21-000001", "daily-2026.11.21"),
        (".ds-logs-more-2026.11.21-000001", None),
        ("logs-app-2026.11.21-000001", None),
        (".ds-logs-app", None),
    ],
)
def test_whose_a_backing_index_is(index: str, stream: str | None) -> None:
    """The name of one stream may be the beginning of another's, and end as a day does."""
    assert streams.stream_of(index, ("logs", "logs-app", "daily-2026.11.21")) == stream


@pytest.mark.parametrize("patterns", [("logs-app",), ("*-app",), (FIRST, "logs-app")])
def test_a_stream_is_meant_by_its_name_and_comes_with_all_of_its_indices(patterns: tuple[str, ...]) -> None:
    made = planned(*patterns)
    assert [(move.source, move.name, move.stream) for move in made.moves] == [
        (FIRST, ".ds-restored-logs-app-2026.11.20-000001", "restored-logs-app"),
        (SECOND, ".ds-restored-logs-app-2026.11.21-000002", "restored-logs-app"),
    ]
    assert made.conflicts == ()
    order = planning.order(made)
    assert (order.asked, order.new_streams) == (("logs-app",), ("restored-logs-app",))
    assert order.names == tuple(move.name for move in made.moves)


def test_all_of_the_backup_has_its_streams_as_well() -> None:
    made = planned()
    assert planning.order(made).asked == ("orders", "logs", "logs-app")
    assert made.conflicts == ()
    assert set(made.streams.values()) == {"restored-logs", "restored-logs-app"}


def test_names_that_are_free_need_no_prefix() -> None:
    order = RestoreOrder(repository="r", snapshot="s", indices=(FIRST,), prefix="", mark=1, streams=("logs-app",))
    assert (order.names, order.new_streams) == ((FIRST,), ("logs-app",))


@pytest.mark.parametrize("patterns", [(FIRST,), (".ds-logs-app-*",)])
def test_a_backing_index_without_its_stream_is_refused_with_the_way_that_is_left(patterns: tuple[str, ...]) -> None:
    made = planned(*patterns)
    assert conflicts(made) == [("restore.data_stream", "logs-app")]
    assert made.conflicts[0].next_step == "--indices logs-app"


def test_a_stream_whose_indices_have_names_of_their_own_is_refused() -> None:
    """One that somebody made from an alias: nobody can tell which indices would come back with it."""
    facts = replace(STREAMS, contents=replace(CONTENTS_, streams=("orders-all",)))
    made = plan(replace(WISH, indices=("orders-all",)), facts)
    assert ("restore.data_stream", "orders-all") in conflicts(made)


@pytest.mark.parametrize("mode", [Mode.SWAP, Mode.IN_PLACE])
def test_other_modes_refuse_streams_and_name_the_alternative(mode: Mode) -> None:
    made = planned("logs-app", mode=mode, prefix="" if mode is Mode.IN_PLACE else "restored-")
    assert ("restore.data_stream", "logs-app") in conflicts(made)
    assert "--mode rename" in made.conflicts[0].next_step
    assert made.streams == {}


def test_never_half_a_stream() -> None:
    """A shard of one of its indices is missing in the backup."""
    torn = tuple(replace(index, whole=index.name != SECOND) for index in HELD)
    facts = replace(STREAMS, contents=replace(CONTENTS_, indices=torn))
    refused = plan(replace(WISH, indices=()), facts)
    assert [code for code, _ in conflicts(refused)] == ["restore.partial"]
    allowed = plan(replace(WISH, allow_partial=True), facts)
    assert (allowed.conflicts, [move.source for move in allowed.moves]) == ((), [OTHER, "orders"])
    (told,) = [found for found in allowed.findings if found.code == "restore.partial"]
    assert "all of the data stream logs-app" in told.message


@pytest.mark.parametrize(
    ("around", "found"),
    [
        ({"indices": (replace(LIVE, name="restored-logs-app", aliases=()),)}, "restore.name_taken"),
        ({"indices": (replace(LIVE, aliases=("restored-logs-app",)),)}, "restore.name_is_alias"),
        ({"streams": ("restored-logs-app",)}, "restore.name_is_stream"),
    ],
)
def test_a_new_name_of_a_stream_that_is_taken_is_one_conflict(around: dict[str, Any], found: str) -> None:
    assert conflicts(planned("logs-app", **around)) == [(found, "restored-logs-app")]


def test_a_new_name_of_a_backing_index_that_is_taken_is_a_conflict() -> None:
    left = replace(LIVE, name=".ds-restored-logs-app-2026.11.20-000001", aliases=())
    assert conflicts(planned("logs-app", indices=(left,))) == [("restore.name_taken", left.name)]


def test_a_second_person_is_asked_about_the_stream_and_not_about_its_indices() -> None:
    wish = replace(WISH, indices=("logs-app",))
    assert plan(wish, STREAMS, allowing("restored-*")).approval == ()
    assert plan(wish, STREAMS, allowing("other-*")).approval == ("restored-logs-app",)


@pytest.mark.parametrize(
    ("templates", "said"),
    [
        ((), "no index template matches it"),
        ((replace(CATCHES, patterns=("logs-*",)),), "no index template matches it"),
        ((CATCHES, replace(CATCHES, name="plain", priority=9, streams=False)), "template plain makes no data streams"),
        ((CATCHES,), "from its next rollover on those of mine"),
    ],
)
def test_what_becomes_of_the_next_rollover_is_a_note(templates: tuple[Template, ...], said: str) -> None:
    made = planned("logs-app", templates=templates)
    assert made.conflicts == ()
    (found,) = [one for one in made.findings if one.code == "restore.stream_template"]
    assert (found.severity, found.subject) == (Severity.WARNING, "restored-logs-app")
    assert said in found.message


def test_a_policy_takes_streams_by_their_names() -> None:
    """`.ds-restored-…` is no name that anybody excludes, and is excluded with its stream."""
    policy = a_spec().policy.model_copy(update={"name": "all", "select": Select(indices=("*",))})
    facts = replace(STREAMS, policies=(policy,))
    assert "restore.backed_up_too" not in notes(plan(replace(WISH, indices=("logs-app",)), facts))
    assert "restore.backed_up_too" in notes(plan(replace(WISH, indices=("logs-app",), prefix="copy-"), facts))


def test_what_is_removed_at_once() -> None:
    """Plain indices first, so that a stream that can't go keeps none of them."""
    refs = [IndexRef(name=name, uuid="u") for name in (".ds-r-logs-000001", "r-orders", ".ds-r-logs-000002")]
    of = {refs[0].name: "r-logs", refs[2].name: "r-logs"}
    planned = {ref.name for ref in refs}
    assert streams.groups(refs, of, planned) == [refs[1], StreamRef(name="r-logs", indices=(refs[0], refs[2]))]
    unplanned = streams.groups(refs, of, of)
    assert unplanned == [StreamRef(name="r-logs", indices=(refs[0], refs[2], refs[1]))]
    assert streams.groups([refs[1]], of, of) == [refs[1]], "the streams are gone"

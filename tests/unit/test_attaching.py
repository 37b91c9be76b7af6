"""Which aliases what is restored gets beside the live ones: no write goes elsewhere, none is refused from then on."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import attaching
from chalicelib.core.capsules import Configuration
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.restores import LiveIndex
from chalicelib.core.swaps import Alias, Standing
from tests.unit.planned import FACTS, LIVE, allowing, conflicts, plan

WISH = Wish(policy="nightly", indices=("customers",), attach_aliases=True)
OTHER = Standing(name="other", uuid="u", shards=1, aliases=(Alias(name="people"),))
SECOND = replace(OTHER, name="second")


def made(had: dict[str, Any], *standing: Standing, **known: Any) -> Plan:
    there = known.pop("indices", (replace(LIVE, aliases=()),))
    parts = known.pop("parts", {"aliases": {"customers": had}})
    recorded = Configuration(parts=parts, **known)
    return plan(WISH, replace(FACTS, recorded=recorded, standing=standing), allowing("*"), indices=there)


def given(plan: Plan) -> list[tuple[str, bool | None]]:
    (move,) = plan.moves
    return [(alias.name, alias.is_write_index) for alias in move.attach]


def left_out(plan: Plan) -> list[str]:
    return [found.subject for found in plan.findings if found.code == "restore.alias_left_out"]


def test_an_alias_that_nobody_bears_is_as_it_was() -> None:
    how = {"filter": {"b": 1, "a": 2}, "index_routing": "i", "search_routing": "s", "is_hidden": True}
    (move,) = made({"people": how}).moves
    wanted = Alias(name="people", filter='{"a": 2, "b": 1}', index_routing="i", search_routing="s", is_hidden=True)
    assert move.attach == (wanted,)


@pytest.mark.parametrize(("writes", "outcome"), [(None, []), (True, [("people", False)]), (False, [("people", False)])])
def test_one_other_bearer_must_say_whether_it_is_written_to(
    writes: bool | None, outcome: list[tuple[str, bool]]
) -> None:
    """The server writes to the only bearer of an alias, and to none of two, unless one of them says so."""
    bearer = replace(OTHER, aliases=(Alias(name="people", is_write_index=writes),))
    assert given(made({"people": {}}, bearer)) == outcome


def test_several_bearers_are_searched_together_and_that_is_said() -> None:
    found = made({"people": {}}, OTHER, SECOND)
    assert given(found) == [("people", False)]
    (shared,) = [each for each in found.findings if each.code == "restore.alias_shared"]
    assert "other, second, restored-customers" in shared.message


def test_an_alias_of_several_in_the_backup_is_none_to_write_through() -> None:
    parts: dict[str, Any] = {"aliases": {"customers": {"people": {}}, "orders-1": {"people": {}}}}
    assert given(made({}, parts=parts)) == [("people", False)]


def test_an_alias_is_hidden_on_all_sides_or_on_none() -> None:
    """The server takes it in no other way."""
    hidden = [replace(one, aliases=(Alias(name="people", is_hidden=True),)) for one in (OTHER, SECOND)]
    (move,) = made({"people": {}}, *hidden).moves
    assert move.attach[0].is_hidden is True


@pytest.mark.parametrize(
    ("how", "change"),
    [
        ({"is_write_index": True}, {}),
        ({}, {"redacted": ("/aliases/customers/people/filter/term/token",)}),
        ({}, {"indices": (LiveIndex(name="people", uuid="u", shards=1, replicas=0),)}),
        ({}, {"indices": (LiveIndex(name=".ds-x", uuid="u", shards=1, replicas=0, aliases=("people",)),)}),
    ],
    ids=["written through", "a part was redacted", "name of an index", "alias of a data stream"],
)
def test_what_can_t_be_attached_is_left_out_and_told(how: dict[str, Any], change: dict[str, Any]) -> None:
    found = made({"people": how}, **change)
    assert (given(found), left_out(found)) == ([], ["people"])


@pytest.mark.parametrize("known", [{"parts": {}}, {"incomplete": {"aliases": "403"}}])
def test_without_what_was_recorded_it_is_a_conflict(known: dict[str, Any]) -> None:
    assert [code for code, _ in conflicts(made({"people": {}}, **known))] == ["restore.no_aliases"]


def test_aliases_are_asked_for_by_names_that_people_use_only() -> None:
    rules = allowing("restored-*")
    recorded = Configuration(parts={"aliases": {"customers": {"people": {}}}})
    there = (replace(LIVE, aliases=()),)
    assert plan(WISH, replace(FACTS, recorded=recorded), rules, indices=there).approval == ("people",)


@pytest.mark.parametrize(
    ("then", "now", "fits"),
    [
        ((), (), True),
        ((), (OTHER,), False),
        ((), (OTHER, SECOND), False),
        ((OTHER, SECOND), (OTHER, SECOND), True),
        ((OTHER, SECOND), (OTHER,), False),
        ((OTHER, SECOND), (), True),
    ],
)
def test_before_they_are_put_on_it_is_looked_once_more(
    then: tuple[Standing, ...], now: tuple[Standing, ...], fits: bool
) -> None:
    assert (attaching.unfit(made({"people": {}}, *then), now) is None) is fits

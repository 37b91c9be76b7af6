"""Aliases that a restore under new names puts on what it brings back, when somebody asks for it. Pure.

Those that the index had when it was backed up, and only to be read through: no alias gets a second index to write to,
and none loses the one that it has. They are put on in one request, when all is compared and nothing is released yet: if
the server refuses, all that was restored can still go.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from chalicelib.core.capsules import Configuration
from chalicelib.core.model import Finding, Severity
from chalicelib.core.plans import Move, Plan
from chalicelib.core.prose import counted
from chalicelib.core.restores import Surroundings
from chalicelib.core.swaps import Alias, Does, Repoint, Standing

ONLY_ONE = "writes through it go to {} only because no other index bears it, and would be refused from then on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """`recorded`: the cluster's configuration as it was stored with the backup, None: it is not there, or can't be
    read. `standing`: who bears those aliases now."""

    recorded: Configuration | None
    standing: tuple[Standing, ...]
    surroundings: Surroundings


def known(recorded: Configuration | None) -> bool:
    return recorded is not None and "aliases" in recorded.parts and "aliases" not in recorded.incomplete


def as_planned(plan: Plan) -> Configuration:
    """What it attaches, as it was recorded: for whoever thinks it through once more, and may not read the bucket."""
    given = {move.source: {alias.name: _recorded(alias) for alias in move.attach} for move in plan.moves}
    return Configuration(parts={"aliases": given})


def _recorded(alias: Alias) -> dict[str, Any]:
    kept = {key: value for key, value in asdict(alias).items() if value is not None and key != "name"}
    return {**kept, **({"filter": json.loads(alias.filter)} if alias.filter is not None else {})}


def names(recorded: Configuration | None, sources: Iterable[str]) -> tuple[str, ...]:
    """The aliases that these indices had."""
    return tuple(sorted({alias for source in sources for alias in _had(recorded, source)}))


def attached(moves: Sequence[Move], around: Around) -> tuple[Move, ...]:
    """Each with the aliases that it gets."""
    return tuple(
        replace(move, attach=tuple(alias for _, alias in _judged(move, around) if isinstance(alias, Alias)))
        for move in moves
    )


def _had(recorded: Configuration | None, source: str) -> Mapping[str, Any]:
    return recorded.parts["aliases"].get(source, {}) if recorded and known(recorded) else {}


def _judged(move: Move, around: Around) -> Iterator[tuple[str, Alias | str]]:
    """Each alias as it will be put on, or why it will not."""
    for name, how in sorted(_had(around.recorded, move.source).items()):
        yield name, _left_out(move.source, name, how, around) or _alias(name, how, around)


def _left_out(source: str, name: str, how: Mapping[str, Any], around: Around) -> str | None:
    assert around.recorded is not None
    bearers = bearing(name, around.standing)
    if how.get("is_write_index"):
        return "writes went through it, and no restore under new names takes them over"
    if any(path.startswith(f"/aliases/{source}/{name}/") for path in around.recorded.redacted):
        return "what was stored of it is not whole: a part of it looked like a secret"
    if name in around.surroundings.streams or any(index.name == name for index in around.surroundings.indices):
        return "there is an index or a data stream of that name now"
    if not bearers and any(name in index.aliases for index in around.surroundings.indices):
        return "it is an alias of a data stream now"
    return ONLY_ONE.format(bearers[0].name) if writes_by_chance(name, bearers) else None


def _alias(name: str, how: Mapping[str, Any], around: Around) -> Alias:
    """Borne by several, now or then, it is none to write through; whether it is hidden must be the same of all."""
    assert around.recorded is not None
    bearers = bearing(name, around.standing)
    many = bool(bearers) or sum(name in had for had in around.recorded.parts["aliases"].values()) > 1
    hidden = _of(name, bearers[0]).is_hidden if bearers else how.get("is_hidden")
    return Alias(
        name=name,
        filter=json.dumps(how["filter"], sort_keys=True) if "filter" in how else None,
        index_routing=how.get("index_routing"),
        search_routing=how.get("search_routing"),
        is_hidden=hidden,
        is_write_index=False if many else how.get("is_write_index"),
    )


def bearing(name: str, standing: Iterable[Standing]) -> list[Standing]:
    return [one for one in standing if any(alias.name == name for alias in one.aliases)]


def _of(name: str, one: Standing) -> Alias:
    return next(alias for alias in one.aliases if alias.name == name)


def writes_by_chance(name: str, bearers: Sequence[Standing]) -> bool:
    """The server writes through an alias without a write index as long as a single index bears it."""
    return len(bearers) == 1 and _of(name, bearers[0]).is_write_index is None


def findings(moves: Sequence[Move], around: Around, backup_id: str) -> Iterator[Finding]:
    if not known(around.recorded):
        message = f"the aliases that indices had are not stored with {backup_id}, or not all of them"
        fix = "leave --attach-aliases out, and set them yourself"
        yield _finding("restore.no_aliases", Severity.ERROR, backup_id, message, fix)
        return
    left: dict[tuple[str, str], list[str]] = {}
    shared: dict[str, list[str]] = {}
    for move in moves:
        for name, judged in _judged(move, around):
            if isinstance(judged, str):
                left.setdefault((name, judged), []).append(move.name)
            elif bearing(name, around.standing):
                shared.setdefault(name, []).append(move.name)
    for name, brought in shared.items():
        both = (*(one.name for one in bearing(name, around.standing)), *brought)
        message = f"whoever searches {name} finds the documents of {_some(both)}, the same ones twice"
        yield _finding("restore.alias_shared", Severity.WARNING, name, message, "leave --attach-aliases out, or swap")
    for (name, why), without in left.items():
        message = f"{_some(without)} will not get the alias {name}: {why}"
        yield _finding("restore.alias_left_out", Severity.WARNING, name, message, "--mode swap, or see to it yourself")


def actions(plan: Plan) -> tuple[Repoint, ...]:
    return tuple(Repoint(does=Does.ADD, index=move.name, alias=alias) for move in plan.moves for alias in move.attach)


def touched(plan: Plan) -> tuple[str, ...]:
    """All that has to be looked at before they are put on, and afterwards."""
    found = (name for move in plan.moves if move.attach for name in (move.name, *(each.name for each in move.attach)))
    return tuple(dict.fromkeys(found))


def is_done(plan: Plan, live: Sequence[Standing]) -> bool:
    """By their names: the server may spell a filter in another way."""
    there = {one.name: {alias.name for alias in one.aliases} for one in live}
    return all({alias.name for alias in move.attach} <= there.get(move.name, set()) for move in plan.moves)


def unfit(plan: Plan, live: Sequence[Standing]) -> str | None:
    """Why they must not be put on any more, in words: somebody gave an alias to another index since it was planned."""
    new = {move.name for move in plan.moves}
    for action in actions(plan):
        assert action.alias is not None
        name = action.alias.name
        others = [one for one in bearing(name, live) if one.name not in new]
        if writes_by_chance(name, others) or (others and action.alias.is_write_index is not False):
            return f"{name} is an alias of {others[0].name} now, and was not when the plan was made"
    return None


def _some(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = f" and {counted(len(unique) - 3, 'other')}" if len(unique) > 3 else ""
    return ", ".join(unique[:3]) + more


def _finding(code: str, severity: Severity, subject: str, message: str, fix: str) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message=message, next_step=fix)

"""The own name of a live index that has aliases: a swap moves these only, so that whoever uses the name itself goes on
with the old data until the swap is finished. From then on the name is an alias, of what was restored. Pure.

The same request deletes the old index and adds the alias, so nobody finds the name gone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.core.model import Finding, IndexRef, Severity
from chalicelib.core.plan_notes import NEVER_TAKEN
from chalicelib.core.plans import Move, Plan
from chalicelib.core.prose import listed, span
from chalicelib.core.spec import Policy
from chalicelib.core.swaps import Alias, Does, Repoint, Standing
from chalicelib.core.wildcards import matches

CODE = "restore.swap_name"
SHOWN = 20
"""Names that are told one by one."""


def marked(moves: Sequence[Move]) -> tuple[Move, ...]:
    """Those whose name follows, said so in the plan: a name that is an alias already moves with the others."""
    return tuple(
        replace(move, live=replace(move.live, follows=True))
        if move.live and move.live.aliases and move.live.index == move.source
        else move
        for move in moves
    )


def _following(moves: Iterable[Move]) -> list[Move]:
    return [move for move in moves if move.live and move.live.follows]


def follow(plan: Plan, old: Sequence[IndexRef]) -> tuple[Repoint, ...]:
    """What takes those of the old indices away whose names follow, and lets them."""
    refs = {ref.name: ref for ref in old}
    return tuple(
        action
        for move in _following(plan.moves)
        if (ref := refs.get(move.source))
        for action in (
            Repoint(does=Does.REMOVE_INDEX, index=ref.name, uuid=ref.uuid),
            Repoint(does=Does.ADD, index=move.name, alias=Alias(name=move.source)),
        )
    )


def warnings(moves: Sequence[Move], policies: Sequence[Policy], keep_old: timedelta) -> Iterator[Finding]:
    """Of a plan. `policies`: all that back up the target."""
    for move in _following(moves):
        aliases = [alias.name for alias in move.live.aliases] if move.live else []
        message = (
            f"{move.source} has aliases ({listed(aliases)}), and only these move: under its own name the old data stay "
            f"until the swap is finished (by `restore finish`, or {span(keep_old)} after it), and are deleted then, "
            f"with all that is written to {move.source} until then; the name is an alias of {move.name} from then on"
        )
        if stale := [policy.name for policy in policies if _backs_up_old(policy, move, aliases)]:
            message += f". Until then the backups of {listed(stale)} hold the old {move.source}, not {move.name}"
        next_step = f"let all use {aliases[0]}, policies too (`select`), or finish as soon as it is good"
        yield _finding(Severity.WARNING, move.source, message, next_step)


def _backs_up_old(policy: Policy, move: Move, aliases: Sequence[str]) -> bool:
    select = policy.select
    means_old = matches(move.source, select.indices) and not matches(move.source, (*select.exclude, *NEVER_TAKEN))
    by_alias = any(matches(alias, select.indices) for alias in aliases) and not matches(move.name, select.exclude)
    by_name = matches(move.name, select.indices) and not matches(move.name, (*select.exclude, *NEVER_TAKEN))
    return means_old and not (by_alias or by_name)


def swapped(plan: Plan) -> tuple[Finding, ...]:
    """Of a run that has swapped, as long as it is not finished."""
    return tuple(
        _finding(
            Severity.WARNING,
            move.source,
            f"under its own name {move.source} is the old index still, which is deleted at the finish, with all that "
            f"is written to it until then; from then on {move.source} is an alias of {move.name}",
            "finish as soon as it is good, or let all use the aliases",
        )
        for move in _following(plan.moves)[:SHOWN]
    )


def finished(plan: Plan, live: Sequence[Standing]) -> tuple[Finding, ...]:
    """Of a run that is finished, by what is live then."""
    bears = {(one.name, alias.name) for one in live for alias in one.aliases}
    return tuple(
        _finding(
            Severity.INFO,
            move.source,
            f"the old {move.source} is deleted, and its name is an alias of {move.name} now",
            "nothing: policies that select it, and whoever reads or writes by that name, mean the restored one",
        )
        for move in _following(plan.moves)[:SHOWN]
        if (move.name, move.source) in bears
    )


def _finding(severity: Severity, subject: str, message: str, next_step: str) -> Finding:
    return Finding(code=CODE, severity=severity, subject=subject, message=message, next_step=next_step)

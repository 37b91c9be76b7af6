"""The checks of a drill on what it restored: what is asked of the server, a bounded part at each look."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from chalicelib.core import comparing, mappings, pace, samples
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import Finding, IndexRef, Run
from chalicelib.core.plans import Move
from chalicelib.core.ports import Engine
from chalicelib.core.rows import Backup, Spec
from chalicelib.core.spec import QueryCheck
from chalicelib.core.wildcards import matches
from chalicelib.core.workflows.drill_seen import Watched
from chalicelib.core.workflows.restore_seen import Seen, own
from chalicelib.service import plans as planner
from chalicelib.service import proving
from chalicelib.service.world import World

T = TypeVar("T")
QUERIES = 4
"""In one look, unless a single index has more."""
QUERY_SECONDS = 10
ALL_SECONDS = 40
"""For the queries of one look."""


def compared(world: World, run: Run, spec: Spec, engine: Engine, watched: Watched, seen: Seen) -> Watched:
    """With what is to be said of the next indices of the plan."""
    moves = _next(run, spec, seen.plan.moves)
    backup = planner.of_plan(world, seen.plan)
    if backup is None:
        return replace(watched, compared=len(moves))  # nothing is known of any of them: unproved
    expected = planner.evidence(world, backup, "expected")
    checks = _Checks(world, run, spec, engine, seen, moves)
    found = (*checks.counts(backup), *checks.mappings(backup), *checks.samples(backup), *checks.queries())
    found = (*found, *checks.unchecked())
    return replace(watched, compared=len(moves), findings=found, sources=expected.indices if expected else ())


def _next(run: Run, spec: Spec, moves: Sequence[Move]) -> tuple[Move, ...]:
    """As many as one look can compare, at least one."""
    part: list[Move] = []
    queries = 0
    for move in moves[run.compared : run.compared + proving.AT_ONCE]:
        queries += len(_queries(spec, move))
        if part and queries > QUERIES:
            break
        part.append(move)
    return tuple(part)


def _queries(spec: Spec, move: Move) -> list[QueryCheck]:
    checks = spec.policy.drill.checks if spec.policy.drill else ()
    return [check.query for check in checks if check.query and matches(move.source, (check.query.index,))]


class _Checks:
    """Those that the file asks for. Without an answer all are asked again; after a while what has none is told as not
    compared, which is no pass."""

    def __init__(self, world: World, run: Run, spec: Spec, engine: Engine, seen: Seen, moves: tuple[Move, ...]) -> None:
        self._world, self._run, self._spec, self._engine = world, run, spec, engine
        self._moves, self._plan = moves, replace(seen.plan, moves=moves)
        names = {move.name for move in moves}
        self._made = [
            IndexRef(name=index.name, uuid=index.uuid, shards=index.shards)
            for index in own(seen)
            if index.name in names
        ]
        self._asked = spec.policy.drill.checks if spec.policy.drill else ()
        self._known: proving.Recorded | None = None

    def counts(self, backup: Backup) -> tuple[Finding, ...]:
        if not any(check.doc_count for check in self._asked):
            return ()
        before, after = planner.evidences(self._world, backup, "expected", "after")
        counts, why = self._patiently(lambda: self._engine.counts(self._made, refresh=False))
        held = before.counts if before else ()
        return comparing.counts(self._plan, held, after.counts if after else (), counts or (), why)

    def mappings(self, backup: Backup) -> tuple[Finding, ...]:
        if not any(check.mapping for check in self._asked):
            return ()
        known = self._recorded(backup)
        found, why = self._patiently(lambda: proving.check_mappings(known, self._moves, self._engine))
        return tuple(mappings.not_compared(move.name, why or "") for move in self._moves) if found is None else found

    def samples(self, backup: Backup) -> tuple[Finding, ...]:
        wanted = samples.wanted(self._spec.policy)
        if not wanted:
            return ()
        known = self._recorded(backup)
        found, why = self._patiently(
            lambda: proving.check_samples(known, self._moves, self._made, self._engine, wanted)
        )
        return tuple(samples.not_sampled(move.name, why or "") for move in self._moves) if found is None else found

    def queries(self) -> tuple[Finding, ...]:
        asked = [(move, query) for move in self._moves for query in _queries(self._spec, move)]
        seconds = max(min(QUERY_SECONDS, ALL_SECONDS // max(len(asked), 1)), 1)
        return tuple(found for move, query in asked if (found := self._query(move, query, seconds)))

    def unchecked(self) -> tuple[Finding, ...]:
        """All checks but queries look at every index."""
        if not all(check.query for check in self._asked):
            return ()
        bare = (move for move in self._moves if not _queries(self._spec, move))
        return tuple(comparing.unchecked(move.name, move.source) for move in bare)

    def _query(self, move: Move, query: QueryCheck, seconds: int) -> Finding | None:
        enough = query.min_hits if query.expect is None else max(query.min_hits, query.expect + 1)
        hits, why = self._patiently(
            lambda: self._engine.prover.hits(move.name, query.body, enough=enough, seconds=seconds)
        )
        return comparing.hits(move.name, query, hits, why)

    def _recorded(self, backup: Backup) -> proving.Recorded:
        self._known = self._known or proving.recorded(self._world, backup)
        return self._known

    def _patiently(self, ask: Callable[[], T]) -> tuple[T | None, str | None]:
        """Asked at least twice, and for a while."""
        try:
            return ask(), None
        except Refused as error:
            return None, str(error)
        except Retryable as error:
            since = self._world.clock.now() - self._run.steps[-1].at
            if self._run.last_error is None or since < pace.PATIENCE:
                raise
            return None, str(error)

"""`doctor`: every permission and setting that a run will need, tried for real, each failure with the one missing
statement.

It changes nothing that a run would not change: it registers a missing repository that the file manages, and, where it
may delete, takes a throw-away snapshot of nothing and deletes it again (`repository_check.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from chalicelib.core import contract, diagnosis
from chalicelib.core.diagnosis import Result, Status
from chalicelib.core.errors import Refused, Retryable, Unauthenticated
from chalicelib.core.model import Selection
from chalicelib.core.ports import Engine
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.service import query
from chalicelib.service.repository_check import check_repository
from chalicelib.service.trial import Trial
from chalicelib.service.world import World

Wait = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Protected:
    """A policy in force."""

    state: PolicyState
    spec: Spec


def doctor(world: World, target: str | None = None, *, wait: Wait) -> tuple[Result, ...]:
    """Of the named target, or of all that policies use, in the order of their names. `wait` lets so many seconds pass.

    A problem that is found is a line, never an error. Raises BadInput for a target that no policy uses."""
    known = _targets(world)
    if target is not None and target not in known:
        raise query.unknown(f"no policy uses a target {target}", target, known)
    names = [target] if target is not None else sorted(known)
    return tuple(result for name in names for result in _examined(world, known[name], wait))


def _targets(world: World) -> dict[str, list[Protected]]:
    """By name, the policies of the newest generation first: their target is the one of the file."""
    found: dict[str, list[Protected]] = {}
    for state in world.store.states():
        if state.active:
            spec = world.spec(state.policy, state.spec_gen)
            found.setdefault(spec.target.name, []).append(Protected(state, spec))
    return {name: sorted(policies, key=lambda item: -item.spec.gen) for name, policies in found.items()}


def _examined(world: World, policies: Sequence[Protected], wait: Wait) -> Iterator[Result]:
    spec = policies[0].spec
    trial = Trial(spec.target.name)
    secret = spec.target.auth.secret
    engine = trial.asked("doctor.secret", secret or "auth", lambda: world.engine(spec))
    if isinstance(engine, Result):
        yield engine
    else:
        yield trial.said("doctor.secret", Status.OK, secret or "auth", "was read" if secret else "none is needed")
        reached = _reached(trial, spec, engine)
        yield from reached
        if all(line.status in (Status.OK, Status.WARNING) for line in reached):
            yield from _connected(world, trial, policies, engine, wait)
    held = query.holds(world, [spec]).get(spec.target.name)
    for policy in policies:
        yield from diagnosis.settings(policy.spec, policy.state, held)


def _reached(trial: Trial, spec: Spec, engine: Engine) -> tuple[Result, ...]:
    """Any answer of the server's own will do, and a no is one."""
    hosts, check = ", ".join(spec.target.hosts), "doctor.reachable"
    refused: tuple[Result, ...] = ()
    try:
        engine.resolve(spec.policy.select)
    except Unauthenticated as error:
        refused = (trial.said("doctor.credentials", Status.MISSING, spec.target.auth.secret or "auth", str(error)),)
    except Retryable as error:
        return (trial.said(check, Status.UNKNOWN, hosts, str(error)),)
    except Refused:
        pass
    verified = not spec.target.tls.insecure and all(host.startswith("https://") for host in spec.target.hosts)
    answered = trial.said(check, Status.OK, hosts, "answered, its certificate is trusted" if verified else "answered")
    return (answered, *diagnosis.encryption(spec.target), *refused)


def _connected(
    world: World, trial: Trial, policies: Sequence[Protected], engine: Engine, wait: Wait
) -> Iterator[Result]:
    selections: dict[str, Selection] = {}
    for policy in policies:
        select = policy.spec.policy.select
        found = trial.asked("doctor.resolve", policy.spec.policy.name, partial(engine.resolve, select))
        if isinstance(found, Result):
            yield found
            break  # all of them ask the same question
        selections[policy.spec.policy.name] = found
    else:
        yield trial.said("doctor.resolve", Status.OK, trial.target, "names of indices can be resolved")
    for name, spec in {policy.spec.policy.repository: policy.spec for policy in reversed(policies)}.items():
        yield from check_repository(world, trial, spec, name, engine, wait)
    for policy in policies:
        if selection := selections.get(policy.spec.policy.name):
            yield from diagnosis.selected(policy.spec, selection)
            yield from _counted(trial, policy.spec, engine, selection)
        yield from _newest(world, trial, policy.spec, engine)


def _newest(world: World, trial: Trial, spec: Spec, engine: Engine) -> Iterator[Result]:
    """One look. Nothing without a good backup: that is the promise's affair."""
    check, policy = "doctor.newest", spec.policy.name
    backup = next((backup for backup in world.store.backups(policy) if backup.good), None)
    if backup is None:
        return
    if backup.target != spec.target.name:
        message = (
            f"the newest good backup {backup.backup_id} is in {backup.repository} of {backup.target}, not looked at"
        )
        yield trial.said(check, Status.UNKNOWN, policy, message)
        return
    seen = trial.asked(check, policy, partial(engine.look, backup.repository, backup.snapshot))
    yield seen if isinstance(seen, Result) else diagnosis.newest(spec, backup, seen)


def _counted(trial: Trial, spec: Spec, engine: Engine, selection: Selection) -> Iterator[Result]:
    """Only what a run will count."""
    if not contract.needs_counts(spec.policy) or not selection.indices:
        return
    ask = partial(engine.counts, selection.indices, refresh=True)
    counts = trial.asked("doctor.counts", spec.policy.name, ask)
    yield counts if isinstance(counts, Result) else diagnosis.countable(spec, selection, counts)

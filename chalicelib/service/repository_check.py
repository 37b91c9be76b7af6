"""One repository, tried as a run and its cancellation would use it."""

from collections.abc import Callable, Iterator

from chalicelib.core import contract, traffic
from chalicelib.core.diagnosis import Result, Status
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import Kind
from chalicelib.core.observations import Absent, Broken, Complete, Observation, Owner
from chalicelib.core.ports import Engine
from chalicelib.core.rows import Spec
from chalicelib.core.spec import Repository
from chalicelib.core.traffic import Traffic
from chalicelib.service.trial import Trial
from chalicelib.service.world import World

TRIES = 10
"""Looks at the throw-away snapshot, a second apart."""
UNTRIED = "no throw-away snapshot was taken"


def check_repository(
    world: World, trial: Trial, spec: Spec, name: str, engine: Engine, wait: Callable[[float], None]
) -> Iterator[Result]:
    """Registered and readable; then, before anything is made, whether it could be deleted again: a snapshot that we
    can't remove is not taken."""
    registration = _registered(trial, spec.target.repositories[name], name, engine)
    yield registration
    if registration.status is not Status.OK:
        return
    installation, token = world.installation(), world.token()
    snapshot = f"snapwarden-{installation[:4]}-doctor-{token}"
    seen = trial.asked("doctor.readable", name, lambda: engine.look(name, snapshot))
    if isinstance(seen, Result):
        yield seen
        return
    yield trial.said("doctor.readable", Status.OK, name, "can be read")
    deleted = trial.asked("doctor.delete", name, lambda: engine.delete(name, snapshot))
    if deleted is not None:
        yield deleted
        yield trial.said("doctor.snapshot", Status.WARNING, name, f"{UNTRIED}: it might not be deleted again")
        return
    yield trial.said("doctor.delete", Status.OK, name, "snapshots can be deleted")
    roads = Traffic(*world.store.traffic(traffic.lease_name(spec.target, name), spec.target.name))
    held = traffic.held(roads.slots, Kind.BACKUP)
    if busy := held or traffic.busy(roads, snapshot, spec.target.max_concurrent, world.clock.now()):
        yield trial.said("doctor.snapshot", Status.WARNING, name, f"{UNTRIED}: {busy}; ask again later")
        return
    owner = Owner(installation=installation, policy="doctor", slot=token, run_id=f"doctor:{token}")
    yield from _tried_out(trial, name, snapshot, engine, owner, wait)


def _registered(trial: Trial, written: Repository, name: str, engine: Engine) -> Result:
    check = "doctor.registration"
    there = trial.asked(check, name, lambda: engine.repository(name))
    if isinstance(there, Result):
        return there
    if there is not None:
        difference = contract.repository_difference(written, there)
        if difference:
            return trial.said(check, Status.MISSING, name, f"the server differs from the file: {difference}")
        return trial.said(check, Status.OK, name, "is registered as the file says")
    if not written.manage:
        return trial.said(check, Status.MISSING, name, "is not registered, and `manage: false` forbids to do it")
    refused = trial.asked(check, name, lambda: engine.register(name, written))
    return refused or trial.said(check, Status.OK, name, "was not registered, and is now, as the first run would do")


def _tried_out(
    trial: Trial, name: str, snapshot: str, engine: Engine, owner: Owner, wait: Callable[[float], None]
) -> Iterator[Result]:
    """Whatever becomes of it, and of us, it is deleted again."""
    check = "doctor.snapshot"
    made = trial.asked(check, name, lambda: engine.try_out(name, snapshot, owner))
    if made is not None and made.status is Status.MISSING:
        yield made
        return
    try:
        outcome = _outcome(trial, name, snapshot, engine, wait)
    finally:
        left = trial.asked(check, name, lambda: engine.delete(name, snapshot))
    yield outcome
    if left is not None:
        yield trial.said(check, left.status, name, f"{snapshot} was left behind, delete it yourself: {left.message}")


def _outcome(trial: Trial, name: str, snapshot: str, engine: Engine, wait: Callable[[float], None]) -> Result:
    seen: Observation = Absent()
    error: Exception | None = None
    for _ in range(TRIES):
        try:
            seen, error = engine.look(name, snapshot), None
        except (Refused, Retryable) as reason:
            error = reason
        if isinstance(seen, Complete):
            return trial.said("doctor.snapshot", Status.OK, name, "a snapshot was taken and deleted again")
        if isinstance(seen, Broken):
            return trial.said("doctor.snapshot", Status.MISSING, name, f"a snapshot of nothing failed: {seen.reason}")
        wait(1)
    last = str(error) if error else "it is not there" if isinstance(seen, Absent) else "still in progress"
    message = f"a snapshot of nothing was not complete after {TRIES} looks: {last}"
    return trial.said("doctor.snapshot", Status.UNKNOWN, name, message)

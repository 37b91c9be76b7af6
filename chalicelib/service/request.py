"""A run now, because somebody asked: Backup Now."""

from dataclasses import replace

from chalicelib.core import naming
from chalicelib.core.errors import BadInput, Problem, Taken
from chalicelib.core.model import Kind, Run
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.core.traffic import GRACE
from chalicelib.service.create import new_run, place
from chalicelib.service.query import no_such_policy
from chalicelib.service.turns import in_turn
from chalicelib.service.world import World


def backup_now(world: World, policy: str, *, request_id: str, requested_by: str, payload: str | None = None) -> Run:
    """The run of this request. The same `request_id` again answers the same run, whatever became of it. `payload`: a
    digest of what was asked beside the policy; None, of whoever types a command: nothing.

    Raises BadInput for an unknown or retired policy and for an id that could be taken for a slot, Taken when something
    else was asked for under that id, Conflict when the policy's row is written by others all the time.
    """
    check_id(request_id)

    def asked() -> Run | None:
        # The policy first: a twin of this request that comes between is then either found or lost to, never displaced.
        state = world.store.state(policy)
        if known := world.store.run(naming.run_id(Kind.BACKUP, policy, request_id)):
            if payload and known.payload and payload != known.payload:
                raise Taken(f"{known.run_id} was asked for already, in other words")
            return known
        if state is None:
            raise no_such_policy(world, policy)
        check_active(state)
        spec = world.spec(state.policy, state.spec_gen)
        run = replace(_request(world, spec, state, request_id, requested_by), payload=payload)
        return place(world, run, spec, state, change=lambda before: before)

    return in_turn(f"policy {policy}", asked)


def check_id(request_id: str) -> None:
    """BadInput for what could be taken for a slot, or could not be shown."""
    if not naming.REQUEST_ID.fullmatch(request_id):
        raise BadInput(Problem(f"{request_id[:80]!r} can't be the id of a request", expected=naming.A_REQUEST_ID))


def check_active(state: PolicyState) -> None:
    """BadInput for a policy that has left the file."""
    if not state.active:
        raise BadInput(Problem(f"policy {state.policy} is retired", expected="one that the applied file holds"))


def _request(world: World, spec: Spec, state: PolicyState, request_id: str, requested_by: str) -> Run:
    """It waits for as long as a run of its policy can take, so that the open one has ended. `catch_up` is about
    slots: nothing is late that is asked for now."""
    now = world.clock.now()
    return new_run(
        spec,
        request_id,
        now,
        state,
        installation=world.installation(),
        requested_by=requested_by,
        start_by=now + spec.policy.timeout + GRACE,
        token=world.token(),
    )

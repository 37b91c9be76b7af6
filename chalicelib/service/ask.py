"""An event that asks for something: done, or refused aloud."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from chalicelib.core import naming, refusals, requests, triggers
from chalicelib.core.errors import BadInput, Conflict, Problem, Retryable, Taken
from chalicelib.core.plans import Wish
from chalicelib.core.reports import command
from chalicelib.core.requests import Refusal, Request, Triggered
from chalicelib.core.spec import Notify
from chalicelib.core.values import NAME
from chalicelib.service import elsewhere, plans, query, request, restores
from chalicelib.service.world import World

log = logging.getLogger(__name__)


def handle(world: World, body: str) -> None:
    """Safe to repeat and to reorder: the same event twice is one run, or one refusal under one key. Raises what the
    world did not answer, so that the message comes again; what can't be meant never comes again."""
    found = requests.read(body, world.clock.now())
    if isinstance(found, Triggered):
        found = _triggered(world, found)
    if isinstance(found, Refusal) and found.kind and not found.replayed and NAME.fullmatch(found.policy):
        unread = {problem.key for problem in found.problems}
        found = replace(found, problems=_all(found.problems, _unmet(world, found.policy, found.wish, unread)))
    if isinstance(found, Request):
        found = _start(world, found)
    if isinstance(found, Refusal):
        _refuse(world, found)


def _triggered(world: World, found: Triggered) -> Request | Refusal:
    """By the file in force, whatever it said when the rule was made."""
    state = world.store.state(found.policy) if NAME.fullmatch(found.policy) else None
    if state is not None and state.active:
        trigger = triggers.find(world.spec(state.policy, state.spec_gen).policy, found.trigger)
        if trigger is not None:
            return requests.triggered(found, trigger)
    message = f"policy {found.policy or '?'} has no such trigger: the rule that sent this is not of the file in force"
    again = f"{command(world.stage, 'apply FILE')}, which makes the rules agree with the file"
    return Refusal(envelope=found.envelope, problems=(Problem(message),), next_step=again, policy=found.policy)


def _start(world: World, asked: Request) -> Refusal | None:
    """None: it is a run, new or known."""
    try:
        if asked.wish is None:
            run = request.backup_now(
                world, asked.policy, request_id=asked.request_id, requested_by=asked.by, payload=asked.payload
            )
        else:
            run = restores.request(world, asked.wish, request_id=asked.request_id, by=asked.by)
    except BadInput as error:
        return _refusal(asked, *_all(_unmet(world, asked.policy, asked.wish, set()), error.problems))
    except Taken as error:
        known = naming.run_id(asked.kind, asked.policy, asked.request_id)
        again = f"another request_id, or {command(world.stage, f'show {known}')}"
        return _refusal(asked, Problem(str(error), key="request_id"), next_step=again, status=409)
    except Conflict as error:
        raise Retryable(str(error)) from error
    log.info("an event asked for a run", extra={"run_id": run.run_id, "event_id": asked.envelope.event_id})
    return None


def _unmet(world: World, policy: str, wish: Wish | None, unread: Collection[str | None]) -> Iterator[Problem]:
    """What only the rows tell. `unread`: keys that could not be read, of which there is nothing to ask. Each question
    by itself: whoever mends one thing must not be told of the next one only then."""

    def wrong(key: str, ask: Callable[[], object]) -> tuple[Problem, ...]:
        try:
            ask()
        except BadInput as error:
            return tuple(replace(problem, key=key) for problem in error.problems)
        return ()

    state = world.store.state(policy)
    if state is None or not state.active:
        yield from wrong("policy", lambda: request.check_active(query.named(world, policy)))
    elif wish is not None:
        spec = world.spec(state.policy, state.spec_gen)
        if not {"backup", "at", "level_at_least"} & set(unread):
            yield from wrong("backup", lambda: plans.chosen(world, wish, spec))
        if "into" not in unread:
            yield from wrong("into", lambda: elsewhere.meant(world, wish, spec))


def _all(*found: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each message once, as it comes first: the same one may name its key or not."""
    once: dict[str, Problem] = {}
    for problem in chain(*found):
        once.setdefault(problem.message, problem)
    return tuple(once.values())


def _refusal(asked: Request, *problems: Problem, next_step: str = requests.AGAIN, status: int = 400) -> Refusal:
    return Refusal(
        envelope=asked.envelope,
        problems=problems,
        next_step=next_step,
        status=status,
        kind=asked.kind,
        policy=asked.policy,
        request_id=asked.request_id,
    )


def _refuse(world: World, refusal: Refusal) -> None:
    """The event first: whoever waits for an answer is a program more often than a person."""
    kind = refusal.kind.value if refusal.kind else "unknown"
    named = {"policy": refusal.policy, "request_id": refusal.request_id, "request": refusal.envelope.detail_type}
    extra = {"event_id": refusal.envelope.event_id, "source": refusal.envelope.source, "reason": refusal.reason}
    log.warning("a request was refused", extra={**named, **extra})
    world.bus.emit([refusals.event(refusal, world.clock.now())])
    if report := refusals.report(refusal, stage=world.stage, topic=_topic(world, refusal.policy)):
        world.notifier.report(report)
    world.metrics.count("RequestsRefused", Kind=kind)


def _topic(world: World, policy: str) -> str:
    """Of the policy, if there is one of that name."""
    state = world.store.state(policy) if NAME.fullmatch(policy) else None
    return world.spec(state.policy, state.spec_gen).policy.notify.topic if state else Notify().topic

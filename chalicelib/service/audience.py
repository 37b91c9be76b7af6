"""Whom an incident concerns."""

from chalicelib.service.world import World

DEFAULT = "default"


def topics(world: World, target: str) -> tuple[str, ...]:
    """Of all policies in force on the target, each once; the stage's own when there is none."""
    specs = [world.spec(state.policy, state.spec_gen) for state in world.store.states() if state.active]
    return tuple(sorted({spec.policy.notify.topic for spec in specs if spec.target.name == target})) or (DEFAULT,)

"""What a file would change about what is in force."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.config import Config
from chalicelib.core.ports import Store
from chalicelib.core.rows import PolicyState, Spec
from chalicelib.core.spec import Policy, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Names, each in one place, sorted. `changed`: name -> dotted keys that differ.

    A policy whose target changed is changed too: its key is `target.hosts` then. `removed` ones left the file and are
    still active.
    """

    added: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """`targets` counts those that only restores may go to as well; one of them that left the file is not missed.
    `retired`: the removed policies that `apply` has made inactive (with `prune`). `generation`: of the `apply` that
    wrote, None when nothing had to be written."""

    targets: Difference
    policies: Difference
    retired: tuple[str, ...] = ()
    generation: int | None = None

    @property
    def nothing(self) -> bool:
        """The file is what is in force."""
        parts = (self.targets, self.policies)
        return not any(part.added or part.changed or part.removed for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Active:
    """A policy in force. `spec` is None when its row is missing: the next `apply` writes it anew."""

    state: PolicyState
    spec: Spec | None


def read_current(store: Store) -> dict[str, Active]:
    """Every active policy. Reads the rows, not what an `apply` said it would write, so a half-done one shows."""
    states = [state for state in store.states() if state.active]
    return {state.policy: Active(state=state, spec=store.spec(state.policy, state.spec_gen)) for state in states}


def read_targets(store: Store, config: Config) -> dict[str, Target]:
    """What is in force of the file's targets that none of its policies names."""
    seen = store.config()
    named = {policy.target for policy in config.policies.values()}
    found = [store.target(name, seen.generation) for name in config.targets if name not in named] if seen else []
    return {row.target.name: row.target for row in found if row}


def diff(config: Config, current: Mapping[str, Active], others: Mapping[str, Target]) -> Changes:
    """`others`: as `read_targets` answers them."""
    return Changes(targets=_targets(config, current, others), policies=_policies(config, current))


def _policies(config: Config, current: Mapping[str, Active]) -> Difference:
    changed = {}
    for name, policy in config.policies.items():
        if name in current and (keys := changed_keys(current[name].spec, policy, config.targets[policy.target])):
            changed[name] = keys
    return _difference(config.policies.keys(), current.keys(), changed)


def _targets(config: Config, current: Mapping[str, Active], others: Mapping[str, Target]) -> Difference:
    """Specs can hold different versions of one target after a half-done `apply`: it is changed if any differs."""
    named = {policy.target for policy in config.policies.values()}
    known: set[str] = {*others}
    changed = {name: keys for name, there in others.items() if (keys := _keys(there, config.targets[name]))}
    for active in current.values():
        if active.spec is None:
            continue
        name = active.spec.target.name
        known.add(name)
        if name in named and (keys := _keys(active.spec.target, config.targets[name])):
            changed[name] = tuple(sorted({*changed.get(name, ()), *keys}))
    return _difference(config.targets.keys(), known, changed)


def _difference(wanted: Set[str], known: Set[str], changed: Mapping[str, tuple[str, ...]]) -> Difference:
    return Difference(
        added=tuple(sorted(wanted - known)),
        changed=dict(sorted(changed.items())),
        removed=tuple(sorted(known - wanted)),
        unchanged=tuple(sorted((wanted & known) - changed.keys())),
    )


def changed_keys(spec: Spec | None, policy: Policy, target: Target) -> tuple[str, ...]:
    """Empty when the spec says what the file says."""
    if spec is None:
        return ("spec",)
    moved = ("target",) if spec.policy.target != policy.target else ()
    below = () if moved else tuple(f"target.{key}" for key in _keys(spec.target, target))
    return tuple(sorted({*_keys(spec.policy, policy), *moved, *below}))


def _keys(old: Policy | Target, new: Policy | Target) -> tuple[str, ...]:
    return tuple(sorted(_unequal(old.model_dump(mode="json"), new.model_dump(mode="json"), "")))


def _unequal(old: Any, new: Any, key: str) -> Iterator[str]:
    """Mappings key by key, everything else as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _unequal(old.get(name), new.get(name), f"{key}.{name}" if key else name)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield key

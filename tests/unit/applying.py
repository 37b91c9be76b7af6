"""A stage to apply files to: a clock that stands, and a store that can be meddled with."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.core.config import Config
from chalicelib.core.ports import Change, Update
from chalicelib.core.rows import PolicyState
from chalicelib.core.spec import Auth, Policy, Repository, Select, Target
from chalicelib.service.apply import apply
from chalicelib.service.differences import Changes, diff, read_current, read_targets
from chalicelib.store.memory import MemoryStore

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TWO = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


class Meddled(MemoryStore):
    """Runs `before` ahead of each commit, with its number; `after` may lose its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[int], None] = lambda n: None
        self.after: Callable[[int], None] = lambda n: None
        self.commits = 0

    def commit(self, *changes: Change) -> bool:
        self.commits += 1
        number = self.commits
        self.before(number)
        stored = super().commit(*changes)
        self.after(number)
        return stored


class Stage:
    def __init__(self) -> None:
        self.store = Meddled()
        self.clock = Clock()
        self._tokens = itertools.count()

    def token(self) -> str:
        return f"token-{next(self._tokens)}"

    def apply(self, config: Config, who: str = "anna", *, prune: bool = False) -> Changes:
        return apply(config, self.store, self.clock, who, prune=prune, new_token=self.token)

    def state(self, policy: str = "nightly") -> PolicyState:
        state = self.store.state(policy)
        assert state is not None
        return state

    def touch(self, policy: str = "nightly", **changes: Any) -> None:
        """What a run does to the row."""
        state = self.state(policy)
        after = replace(state, **changes, rev=state.rev + 1, token=self.token())
        assert MemoryStore.commit(self.store, Update(after))


def target(name: str = "shop", **changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": name,
        "engine": "elasticsearch",
        "hosts": ("https://es.internal:9200",),
        "auth": Auth(none=True),
        "repositories": {"main": Repository(type="fs", settings={"location": "main"})},
    }
    return Target(**values | changes)


def policy(name: str = "nightly", **changes: Any) -> Policy:
    values: dict[str, Any] = {
        "name": name,
        "target": "shop",
        "repository": "main",
        "select": Select(indices=("orders-*",)),
        "schedule": ("0 2 * * *",),
    }
    return Policy(**values | changes)


def config(*policies: Policy, targets: tuple[Target, ...] = (target(),)) -> Config:
    return Config(targets={t.name: t for t in targets}, policies={p.name: p for p in policies or (policy(),)})


def difference(stage: Stage, file: Config) -> Changes:
    """What `apply` of this file would change now."""
    return diff(file, read_current(stage.store), read_targets(stage.store, file))

"""A whole cluster from its backups, in numbered phases, as a plan's row says them (`plans.Plan.phases`). Frozen.

How far a run has come with them: `rebuild_progress.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Does(StrEnum):
    TEMPLATES = "templates"
    PIPELINES = "pipelines"
    LIFECYCLE = "lifecycle"
    INDICES = "indices"
    ALIASES = "aliases"


PARTS: Mapping[Does, tuple[str, ...]] = {
    Does.TEMPLATES: ("component_templates", "index_templates", "legacy_templates"),
    Does.PIPELINES: ("pipelines",),
    Does.LIFECYCLE: ("lifecycle_policies",),
    Does.ALIASES: ("aliases",),
}
"""Of a configuration, in the order in which they are put back: what an index template is composed of goes before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One template, pipeline or policy, as the server's own API takes it. `part`: where in a configuration it stands.
    Of aliases `name` is the alias, and `body` says by index or data stream how that has it."""

    part: str
    name: str
    body: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def path(self) -> str:
        return f"/{self.part}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """`number`: from 1, in the order in which they are done; what is `skipped` keeps its own. `names`: how many things
    it puts back. Of indices: the restore `plan`, of the backup `backup_id` of `policy`, of those whose index.priority
    is `priority`; `seconds` as that plan expects it, or at an assumed pace. Of the others: the pieces stand in so many
    `rows` beside the plan, and `digest` follows from them, so that what was approved is what is put back."""

    number: int
    does: Does
    names: int
    skipped: bool = False
    plan: str | None = None
    policy: str | None = None
    backup_id: str | None = None
    priority: int | None = None
    bytes: int = 0
    shards: int = 0
    seconds: float | None = None
    rows: int = 0
    digest: str | None = None

"""What the Elasticsearch in memory (elasticsearch.py) holds."""

from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.model import Observation, Owner
from chalicelib.core.spec import Repository


@dataclass(slots=True, kw_only=True)
class FakeIndex:
    uuid: str
    system: bool = False
    red: bool = False
    stream: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class FakeSnapshot:
    uuid: str
    owner: Owner | None
    indices: tuple[str, ...]
    started_at: datetime
    ends_at: datetime | None = None
    looks_left: int | None = None
    done: Observation | None = None


@dataclass(slots=True)
class FakeRepository:
    definition: Repository
    snapshots: dict[str, FakeSnapshot] = field(default_factory=dict)
    readable: bool = True

"""A backup of three indices, the server that it is to be restored on, and its plan: the tests change one thing."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import planning
from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.core.planning import Facts
from chalicelib.core.plans import Plan, Wish
from chalicelib.core.restores import Contents, DataNode, HeldIndex, LiveIndex, Surroundings
from chalicelib.core.rows import Spec
from tests.contract.records import a_backup, a_spec

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
MB = 1024 * 1024
WISH = Wish(policy="nightly")
BACKUP = a_backup()
CONTENTS = Contents(
    uuid=BACKUP.snapshot_uuid,
    version="8.19.0-8.19.2",
    ended_at=BACKUP.ended_at,
    indices=(
        HeldIndex(name="customers", shards=1, bytes=10 * MB),
        HeldIndex(name="orders-1", shards=2, bytes=40 * MB),
        HeldIndex(name="orders-2", shards=2, bytes=50 * MB),
    ),
)
LIVE = LiveIndex(name="customers", uuid="u-customers", shards=1, replicas=1, aliases=("people",))
SURROUNDINGS = Surroundings(
    version="8.19.2",
    indices=(LIVE,),
    streams=("logs-app",),
    nodes=(DataNode(name="one", spare=200 * MB),),
    shards=2,
    shard_limit=1000,
)
ORIGINALS = tuple(
    IndexRef(name=index.name, uuid=f"u-{index.name}", settings={"index.number_of_replicas": "0"})
    for index in CONTENTS.indices
)
FACTS = Facts(backup=BACKUP, contents=CONTENTS, surroundings=SURROUNDINGS, originals=ORIGINALS)


def count(name: str, docs: int, *max_seq_no: int, uuid: str | None = None) -> IndexCount:
    return IndexCount(name=name, uuid=uuid or f"u-{name}", docs=docs, max_seq_no=max_seq_no)


def allowing(*patterns: str, approval: bool = True) -> Spec:
    spec = a_spec()
    rules = spec.target.restore.model_copy(update={"allow": patterns, "approval": approval})
    return replace(spec, target=spec.target.model_copy(update={"restore": rules}))


def plan(wish: Wish = WISH, facts: Facts = FACTS, spec: Spec | None = None, **surroundings: Any) -> Plan:
    around = replace(facts.surroundings, **surroundings)
    return planning.plan(wish, spec or a_spec(), replace(facts, surroundings=around), NOW, by="cli:anna")


def conflicts(made: Plan) -> list[tuple[str, str]]:
    return [(found.code, found.subject) for found in made.conflicts]

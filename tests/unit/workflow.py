"""A backup run and what a look at it may bring: for tests of the pure workflows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.evidence import Evidence
from chalicelib.core.model import IndexRef, Kind, Run, Selection, State
from chalicelib.core.observations import Broken, Complete, InProgress, Observation, Owner, Sizes
from chalicelib.core.rows import Spec
from chalicelib.core.spec import Auth, Policy, Repository, Select, Target
from chalicelib.core.workflows.backup import Seen

NOW = datetime(2026, 11, 21, 2, 0, 5, tzinfo=UTC)
INDEX = IndexRef(name="orders-1", uuid="u1")
SPEC = Spec(
    gen=1,
    target=Target(
        name="shop",
        engine="elasticsearch",
        hosts=("http://localhost:9200",),
        auth=Auth(none=True),
        repositories={"main": Repository(type="fs", settings={"location": "main"})},
    ),
    policy=Policy(name="nightly", target="shop", repository="main", select=Select(indices=("orders-*",))),
)
RUN_ID = "backup:nightly:2026-11-21T02:00Z"
OWNER = Owner(installation="k3f9abcd", policy="nightly", slot="2026-11-21T02:00Z", run_id=RUN_ID)
MOVING = InProgress(uuid="s1", owner=OWNER, shards_done=1, shards_total=2)
ENDING = replace(MOVING, ending=True)
DONE = Complete(
    uuid="s1",
    owner=OWNER,
    partial=False,
    started_at=NOW,
    ended_at=NOW,
    indices=("orders-1",),
    shards_total=2,
    shards_failed=0,
)
BROKEN = Broken(uuid="s1", owner=OWNER, reason="aborted")


def row(state: State, **fields: Any) -> Run:
    made = Run(
        run_id=RUN_ID,
        kind=Kind.BACKUP,
        policy="nightly",
        target="shop",
        repository="main",
        slot="2026-11-21T02:00Z",
        requested_by="schedule",
        spec_gen=1,
        state=state,
        snapshot="snapwarden-k3f9-nightly-20261121t0200z",
        created_at=NOW - timedelta(seconds=5),
        deadline_at=NOW + timedelta(hours=4),
        start_by=NOW + timedelta(hours=6),
    )
    return replace(made, **fields)


def seen(observation: Observation, **fields: Any) -> Seen:
    full = Seen(
        observation=observation,
        installation="k3f9abcd",
        selection=Selection(indices=(INDEX,), unmatched=()),
        expected=Evidence(run_id=RUN_ID, kind="expected", n=1, indices=(INDEX,)),
        sizes=Sizes(total=10, added=1),
    )
    return replace(full, **fields)

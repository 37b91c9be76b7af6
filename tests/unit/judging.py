"""A finished snapshot of two indices to judge, whole and counted; tests change what they are about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import contract
from chalicelib.core.contract import Judged, Verdict
from chalicelib.core.evidence import Evidence
from chalicelib.core.model import IndexCount, IndexRef, Usual
from chalicelib.core.observations import Complete, Sizes
from chalicelib.core.spec import Contract, Policy, Select

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BACKUP_ID = "snapwarden-k3f9-nightly-20261121t0200z"
A, B = IndexRef(name="a", uuid="u1", shards=2), IndexRef(name="b", uuid="u2", shards=1)
COUNT_A = IndexCount(name="a", uuid="u1", docs=60, max_seq_no=(40, 30))
COUNT_B = IndexCount(name="b", uuid="u2", docs=40, max_seq_no=(39,))
WHOLE = Complete(
    uuid="s",
    owner=None,
    partial=False,
    started_at=NOW,
    ended_at=NOW,
    indices=("a", "b"),
    shards_total=3,
    shards_failed=0,
)
USUAL = Usual(backups=3, docs=100, bytes=1000, seconds=20.0)


def expected(*indices: IndexRef, **changes: Any) -> Evidence:
    """What was asked for, with the counts before the start."""
    full = Evidence(
        run_id="backup:nightly:x", kind="expected", n=1, indices=indices or (A, B), counts=(COUNT_A, COUNT_B)
    )
    return replace(full, **changes)


def judged(complete: Complete = WHOLE, **changes: Any) -> Judged:
    full = Judged(
        backup_id=BACKUP_ID,
        complete=complete,
        expected=expected(),
        live=(A, B),
        sizes=Sizes(total=1000, added=10),
        after=(COUNT_A, COUNT_B),
    )
    return replace(full, **changes)


def policy(prove: str = "L1", **terms: Any) -> Policy:
    select = Select(indices=("*",))
    return Policy.model_validate(
        {"name": "nightly", "target": "shop", "repository": "main", "select": select, "prove": prove}
        | {"contract": Contract(**terms)}
    )


def judge(complete: Complete = WHOLE, prove: str = "L1", terms: dict[str, Any] | None = None, **facts: Any) -> Verdict:
    return contract.judge(policy(prove, **(terms or {})), judged(complete, **facts))


def codes(verdict: Verdict) -> list[str]:
    return [finding.code for finding in verdict.findings]

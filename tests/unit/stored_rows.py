"""Rows as releases stored them (tests/golden/rows), and what each of them is."""

from pathlib import Path
from typing import Any

from chalicelib.core.evidence import Evidence
from chalicelib.core.leases import Lease, Slots, Waiter
from chalicelib.core.model import Run
from chalicelib.core.rows import Approval, Backup, PolicyState, Proofs, Spec, TargetSpec
from chalicelib.core.stage_rows import ConfigState, Installation

ROWS = Path(__file__).parents[1] / "golden" / "rows"
STORED: dict[str, Any] = {
    "approval": Approval,
    "backup": Backup,
    "backup_condemned": Backup,
    "backup_drilled": Backup,
    "backup_v1": Backup,
    "backup_capsule": Backup,
    "backup_closed": Backup,
    "backup_in_use": Backup,
    "config_state": ConfigState,
    "evidence": Evidence,
    "evidence_attach": Evidence,
    "evidence_facts": Evidence,
    "evidence_plan": Evidence,
    "evidence_in_place": Evidence,
    "evidence_pieces": Evidence,
    "evidence_rebuild": Evidence,
    "evidence_salvage": Evidence,
    "evidence_swap": Evidence,
    "evidence_stable": Evidence,
    "evidence_wish": Evidence,
    "evidence_v1": Evidence,
    "installation": Installation,
    "lease": Lease,
    "policy_state": PolicyState,
    "policy_state_broken": PolicyState,
    "policy_state_drilled": PolicyState,
    "policy_state_failing": PolicyState,
    "policy_state_paused": PolicyState,
    "policy_state_paused_v1": PolicyState,
    "policy_state_v1": PolicyState,
    "proofs": Proofs,
    "run": Run,
    "run_drill": Run,
    "run_rebuild": Run,
    "run_rebuild_part": Run,
    "run_attached": Run,
    "run_restore": Run,
    "run_restore_elsewhere": Run,
    "run_in_place": Run,
    "run_swap": Run,
    "run_restore_approved": Run,
    "run_salvage": Run,
    "run_v1": Run,
    "slots": Slots,
    "slots_held": Slots,
    "spec": Spec,
    "target_spec": TargetSpec,
    "waiter": Waiter,
}
"""`_v1`: what the first release wrote."""

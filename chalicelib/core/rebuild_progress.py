"""How far a run has come that restores everything: a part of its row (`model.Run.rebuild`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """How far a run has come: in phase number `at`, of which it goes on with the piece at the place `after`, and so
    many were `refused`; phases that `failed`, by number. `policies`: whose backups it holds, beside its own. Of what
    came back, indices that were `left_out` of a partial backup, and those that could not be compared (`unproved`)."""

    at: int
    policies: tuple[str, ...] = ()
    failed: tuple[int, ...] = ()
    after: int = 0
    refused: int = 0
    left_out: int = 0
    unproved: int = 0

"""How far a run has come that copies documents: a part of its row (`model.Run.salvage`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """How far documents have been copied from what the restore `of_run` made, `total` of them. The next page begins in
    the primary `shard` of the plan's `move`, beyond the sequence number `after`, with up to `page` documents.

    Documents so far: `created` (live lacked them), `replaced` (live had others), `same`, `skipped` (others in live,
    which were to stay), `left` (somebody wrote them meanwhile), `refused` (the live index takes no such ones; `why`:
    the first of them). `unsure`: an answer was lost, so that some of the `same` may be copies of ours. `failures`: in a
    row, of requests."""

    of_run: str
    total: int
    move: int = 0
    shard: int = 0
    after: int = -1
    page: int = 100
    created: int = 0
    replaced: int = 0
    same: int = 0
    skipped: int = 0
    left: int = 0
    refused: int = 0
    bytes: int = 0
    why: str | None = None
    unsure: bool = False
    failures: int = 0

    @property
    def seen(self) -> int:
        return self.created + self.replaced + self.same + self.skipped + self.left + self.refused

"""Evidence that this process has read already. It is written once and never changes, so it is not read again: the looks
of a restore, each of which needs its plan and what it made, mostly come to one process."""

from typing import TYPE_CHECKING

from chalicelib.store.keys import Key

if TYPE_CHECKING:
    from chalicelib.core.evidence import Evidence

MOST = 4_000_000
"""Bytes of JSON that are kept; as objects they are several times as much."""


class KnownEvidence:
    """What was not asked for longest goes first. Both stores have one: they count the same reads."""

    def __init__(self) -> None:
        self._held: dict[Key, tuple[Evidence, int]] = {}

    def get(self, key: Key) -> "Evidence | None":
        held = self._held.pop(key, None)
        if held is None:
            return None
        self._held[key] = held
        return held[0]

    def keep(self, key: Key, evidence: "Evidence", size: int) -> "Evidence":
        """The same. `size`: of its JSON."""
        if size <= MOST:
            self._held[key] = (evidence, size)
        while sum(each for _, each in list(self._held.values())) > MOST:
            self._held.pop(next(iter(self._held)), None)
        return evidence

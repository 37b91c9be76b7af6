"""The protocols between restores and the engines: what `Engine.restorer` and `Engine.prover` are. As in `ports.py`,
every method may raise `Retryable` or `Refused`, and nothing else that comes from the world.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.core.model import IndexCount, IndexRef
from chalicelib.core.proving import Document, Read, Vitals
from chalicelib.core.restores import Contents, Restored, RestoreOrder, Surroundings, Unallocated
from chalicelib.core.swaps import Swapper


class Restorer(Swapper, Protocol):
    """Of the same target, over the same connection: its requests count among `Engine.calls`."""

    def contents(self, repository: str, snapshot: str) -> Contents | None:
        """What a complete backup holds; None when the engine says that there is none. One that is in progress, or that
        ended badly, is Refused."""

    def surroundings(self) -> Surroundings:
        """Whom a restore would meet; system indices are among `indices`, because their names are taken too."""

    def restore(self, order: RestoreOrder) -> None:
        """Asks for it and returns as soon as that is accepted. Sent at most once, as `Engine.start`. Refused: nothing
        was made. NameTaken: a name is that of an index, an alias or a data stream. A closed index is found by a look of
        our own just before, because the server would restore over it and keep its uuid; it must be one of `over`, and
        all of those must be there."""

    def close(self, index: IndexRef) -> None:
        """No more reads and writes; those under way have ended. Safe to repeat. Refused when the index is gone, or was
        made anew; Retryable while a snapshot of it runs."""

    def open(self, index: IndexRef) -> None:
        """Undoes `close`. Safe to repeat. Refused as `close`."""

    def restored(self, order: RestoreOrder) -> tuple[Restored, ...]:
        """What there is under the names that the order makes, sorted; those that are not there are left out."""

    def unallocated(self, index: str, shard: int) -> Unallocated | None:
        """Why that primary is on no node; None when it is on one, or there is no such index."""

    def remove(self, index: IndexRef) -> bool:
        """Deletes the index of exactly this name and uuid, read anew. False: one of another uuid has the name, and was
        left alone. One that is not there is removed. Retryable while a snapshot of somebody else's runs that must hold
        all of it; ours let it go."""

    def release(self, index: IndexRef, settings: Mapping[str, object], *, lifecycle: bool = False) -> None:
        """Takes off all that a restore put on, and sets what is named, a lifecycle only when asked to. Safe to repeat.
        Refused when it is gone, or was made anew."""

    def spelled(self, order: RestoreOrder) -> tuple[str, ...]:
        """What will be sent, for people to read; nothing is."""


class Prover(Protocol):
    """Of the same target, over the same connection: its requests count among `Engine.calls`. It changes nothing, and
    says nothing of what a key may not see: that is Refused."""

    def mappings(self, names: Sequence[str]) -> Mapping[str, str]:
        """By exact name of an index: its mapping as JSON with sorted keys, so that equal ones are equal texts. Those
        that are not there are left out."""

    def sample(self, counts: Sequence[IndexCount], wanted: int, key: bytes) -> Mapping[str, Read]:
        """Up to `wanted` documents of each index, by name, each document with the same chance; among those that a
        search finds, so not what was written since the last refresh. One that answers without its source is left out.
        What one index answers badly is said of that index. All of them in one request, or two; it is up to the caller
        not to ask for more than it can hold."""

    def documents(self, wanted: Mapping[IndexRef, Sequence[Document]], key: bytes | None) -> Mapping[str, Read]:
        """The same ids, with their routing, as they are now in the indices of exactly these names and uuids, by name;
        an index that is gone or was made anew holds none of them. Documents that are not there are left out; an error
        on one of them is said of its index (`why`), and is never a document that is missing. Without a key no source
        is read."""

    def hits(self, index: str, query: Mapping[str, object], *, enough: int, seconds: int) -> int:
        """How many documents match, counted up to `enough`. Retryable when the server did not look at all shards in
        that time and has not found enough."""

    def vitals(self) -> Vitals: ...

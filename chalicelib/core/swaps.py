"""What engines say of aliases, and what they are asked in order to swap one index in for another. Frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from chalicelib.core.model import IndexRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """As one index has it. `filter`: JSON with sorted keys, so that equal ones are equal texts. None: not set, which
    for `is_write_index` is not the same as False."""

    name: str
    filter: str | None = None
    index_routing: str | None = None
    search_routing: str | None = None
    is_hidden: bool | None = None
    is_write_index: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An index that bears a name, or stands behind it as an alias. `aliases`: sorted by name. `blocked`: it refuses
    writes. `settings`: flat, those that are set of the ones that a restore or a swap changes, or that the server does
    not copy to a clone. `mark`: as in `restores.LiveIndex`. `whole`: all of its primaries are there."""

    name: str
    uuid: str
    shards: int
    closed: bool = False
    aliases: tuple[Alias, ...] = ()
    blocked: bool = False
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    mark: int | None = None
    whole: bool = True

    @property
    def ref(self) -> IndexRef:
        return IndexRef(name=self.name, uuid=self.uuid, shards=self.shards)


class Does(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    REMOVE_INDEX = "remove_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repoint:
    """One of the actions that are done together or not at all. `alias`: None only with REMOVE_INDEX, which deletes the
    index itself, so that an alias can get its name; `uuid`: of the index that is meant, read anew just before."""

    does: Does
    index: str
    alias: Alias | None = None
    uuid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneOrder:
    """The clone carries `mark`, refuses writes, has the replicas of its source (which the server would not copy), and
    no lifecycle, which could delete it. `source.settings`: as `Standing` had them."""

    source: IndexRef
    name: str
    mark: int


class Swapper(Protocol):
    """The part of `Restorer` that touches what is live."""

    def standing(self, names: Sequence[str]) -> tuple[Standing, ...]:
        """The indices of these exact names, and those behind aliases of them, sorted. Names that nothing bears are left
        out. Two requests, one when there is nothing; an alias that moves in between is Retryable."""

    def block(self, index: IndexRef) -> None:
        """No write is accepted any more, and those under way have ended. Safe to repeat. Refused when the index is
        gone, or was made anew."""

    def clone(self, order: CloneOrder) -> None:
        """Asks for it, and returns as soon as the clone exists, perhaps before its shards do. Refused when the name is
        taken, when the source is gone or was made anew, and when it still accepts writes. The clone of a closed one is
        open and accepts writes."""

    def reopen(self, index: IndexRef) -> None:
        """Undoes what `block` did to it, or `clone` to a clone: takes block and mark off, but for what is set in
        `index.settings`, which are as `Standing` had them before. Safe to repeat. Refused as `block`."""

    def repoint(self, actions: Sequence[Repoint]) -> None:
        """All at once. Sent at most once, as `Engine.start`. Refused: nothing has changed, because an index or an alias
        is not there (a removal needs it), is of another uuid, a name is taken, or an alias would get two write
        indices."""

    def spelled_swap(self, clones: Sequence[CloneOrder], actions: Sequence[Repoint]) -> tuple[str, ...]:
        """What will be sent, for people to read; nothing is."""

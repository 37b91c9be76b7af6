"""What is asked of a server to prove that what was restored is what was backed up, and that it can bear it; and what is
written down of that with a backup. Frozen, and stored: a new field needs a default."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document as it was read. `digest`: a keyed hash of its source, so that rows hold no data of anybody;
    documents are only compared when they were read with one key, empty where the source was not asked for. `seq_no`
    and `term` survive a restore."""

    id: str
    routing: str | None
    seq_no: int
    term: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read of one index. `complete`: every document that can be found in it. `bytes`: of sources. `why`: it
    could not be read, or not all that was wanted; then nothing can be said of what is missing here."""

    documents: tuple[Document, ...] = ()
    complete: bool = False
    bytes: int = 0
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFacts:
    """Of one index of a backup. `mapping`: its place in `Facts.mappings`; `unmapped`: why it has none. `unread`: why
    there are no documents.

    Before the backup: `documents` are candidates, `bytes` the size of their sources, `held` how many the index had,
    where all of them were read. After it: `stable` are the places, among those candidates, of the ones that were live
    and unchanged when it had ended, and so must be in it."""

    name: str
    uuid: str
    mapping: int | None = None
    unmapped: str | None = None
    documents: tuple[Document, ...] = ()
    bytes: int = 0
    held: int | None = None
    stable: tuple[int, ...] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one reading brought. `mappings`: the different ones, as JSON. `wanted`: how many documents of each index are
    to be compared (0: none). `key`: of the digests."""

    key: str = ""
    wanted: int = 0
    mappings: tuple[str, ...] = ()
    indices: tuple[IndexFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How a cluster is at this moment. `relocating`, `initializing`, `unassigned`: shards. `heap`: percent in use, of
    each node that holds data, by its name."""

    status: str
    relocating: int
    initializing: int
    unassigned: int
    heap: tuple[tuple[str, int], ...]

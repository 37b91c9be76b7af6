"""What is asked of a server to prove that what was restored is what was backed up, and that it can bear it. Frozen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document as it was read. `digest`: a keyed hash of its source, so that rows hold no data of anybody;
    documents are only compared when they were read with one key. `seq_no` and `term` survive a restore."""

    id: str
    routing: str | None
    seq_no: int
    term: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How a cluster is at this moment. `relocating`, `initializing`, `unassigned`: shards. `heap`: percent in use, of
    each node that holds data, by its name."""

    status: str
    relocating: int
    initializing: int
    unassigned: int
    heap: tuple[tuple[str, int], ...]

"""What was read fits into the table, whatever there is of it."""

import gzip
import hashlib

from chalicelib.core import recording, wire
from chalicelib.core.model import IndexRef
from chalicelib.core.proving import Document, IndexFacts


def refs(many: int) -> list[IndexRef]:
    return [IndexRef(name=f"orders-{number:05}", uuid=f"u{number}") for number in range(many)]


def noise(number: int, length: int = 16) -> str:
    return hashlib.shake_256(number.to_bytes(8)).hexdigest(length // 2)


def sampled(index: IndexRef, many: int, at: int) -> IndexFacts:
    documents = (Document(id=noise(at + n, 20), routing=None, seq_no=n, term=1, digest=noise(n)) for n in range(many))
    return IndexFacts(name=index.name, uuid=index.uuid, documents=tuple(documents), bytes=9, held=many)


def test_equal_mappings_are_kept_once_and_missing_ones_are_said() -> None:
    indices = refs(4)
    texts = {"orders-00000": "{}", "orders-00001": '{"a":1}', "orders-00002": "{}"}
    found = recording.gathered(indices, {}, texts, None, key="k", wanted=0)
    assert found.mappings == ("{}", '{"a":1}')
    assert [(index.mapping, index.unmapped) for index in found.indices] == [
        (0, None),
        (1, None),
        (0, None),
        (None, "it was not there"),
    ]
    assert recording.gathered(indices, {}, {}, "403", key="k", wanted=0).indices[0].unmapped == "403"


def test_documents_that_do_not_fit_are_left_out_from_the_end_and_said() -> None:
    indices = refs(100)
    read = {index.name: sampled(index, 1000, at * 1000) for at, index in enumerate(indices)}
    found = recording.gathered(indices, read, dict.fromkeys(read, "{}"), None, key="k", wanted=500)
    kept = [index for index in found.indices if index.documents]
    assert len(gzip.compress(wire.dump(found).encode())) <= recording.ROOM
    assert 10 < len(kept) < 100
    assert list(found.indices[: len(kept)]) == kept
    assert {(index.unread, index.held) for index in found.indices[len(kept) :]} == {(recording.FULL, None)}
    assert all(index.mapping == 0 for index in found.indices), "mappings come first"


def test_mappings_that_do_not_fit_are_left_out_and_said() -> None:
    indices = refs(40)
    texts = {index.name: noise(at, 200_000) for at, index in enumerate(indices)}
    found = recording.gathered(indices, {}, texts, None, key="k", wanted=0)
    assert (found.mappings, {index.unmapped for index in found.indices}) == ((), {recording.FULL})
    assert len(found.indices) == 40

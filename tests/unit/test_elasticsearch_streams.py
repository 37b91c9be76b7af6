"""The removal of data streams against a scripted server: those of the tests have no request for it."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.streams import StreamRef
from tests.replay import Replay, Reply, Sent, engine_of

NAMES = [f".ds-restored-logs-2026.11.21-{n:06}" for n in range(1, 8)]
REFS = tuple(IndexRef(name=name, uuid=f"u{n}", shards=1) for n, name in enumerate(NAMES))
STREAM = StreamRef(name="restored-logs", indices=REFS[:2])
GONE = {"error": {"type": "index_not_found_exception", "reason": "no such index [restored-logs]"}, "status": 404}
NO_HANDLER = {"error": "no handler found for uri [/_data_stream/restored-logs] and method [DELETE]"}
DONE = {"acknowledged": True}


def members(*refs: IndexRef, **more: Sequence[IndexRef]) -> dict[str, Any]:
    """The cluster's state with these backing indices."""
    lists = {key: [{"index_name": ref.name, "index_uuid": ref.uuid} for ref in held] for key, held in more.items()}
    held = [{"index_name": ref.name, "index_uuid": ref.uuid} for ref in refs]
    streams = {"data_stream": {"restored-logs": {"indices": held, **lists}}}
    return {"cluster_uuid": "c", "metadata": {"data_stream": streams}}


def there(ref: IndexRef) -> dict[str, Any]:
    settings = {"settings": {"index": {"uuid": ref.uuid}}}
    return {"cluster_uuid": "c", "metadata": {"indices": {ref.name: settings}}}


def removed(*replies: Reply, stream: StreamRef = STREAM) -> list[str]:
    """What was sent."""
    with Replay(replies) as server:
        try:
            engine_of(server.url).restorer.remove_stream(stream)
        finally:
            sent: list[Sent] = server.sent
        return [f"{each.method} {each.target.partition('?')[0]}" for each in sent]


LOOK, DELETE = "GET /_cluster/state/metadata,blocks/restored-logs", "DELETE /_data_stream/restored-logs"


def test_a_stream_of_ours_goes_with_one_request() -> None:
    assert removed(Reply(body=members(*REFS[:2])), Reply(body=DONE)) == [LOOK, DELETE]


def test_one_that_somebody_deleted_in_that_moment_is_removed() -> None:
    assert removed(Reply(body=members(*REFS[:2])), Reply(404, body=GONE)) == [LOOK, DELETE]


def test_what_is_no_longer_part_of_it_is_removed_by_itself() -> None:
    replies = (members(REFS[1]), DONE, there(REFS[0]), DONE)
    assert removed(*(Reply(body=body) for body in replies))[-1] == f"DELETE /{NAMES[0]}"


@pytest.mark.parametrize(
    "state",
    [
        members(*REFS[:3]),
        members(REFS[0], IndexRef(name=NAMES[1], uuid="anew")),
        members(*REFS[:2], failure_indices=REFS[5:6]),
    ],
    ids=["rolled over", "made anew", "has kept what it could not take"],
)
def test_what_others_made_in_it_keeps_all_of_it(state: dict[str, Any]) -> None:
    """One request was sent: there was no second reply."""
    with pytest.raises(Refused, match="which the restore did not make"):
        removed(Reply(body=state))


@pytest.mark.parametrize("answer", [{}, {"acknowledged": False}, {"acknowledged": "yes"}])
def test_a_removal_that_nobody_acknowledged_is_not_done(answer: dict[str, Any]) -> None:
    with pytest.raises(Retryable):
        removed(Reply(body=members(*REFS[:2])), Reply(body=answer))


@pytest.mark.parametrize("state", [{}, {"cluster_uuid": "c", "metadata": {"data_stream": {"data_stream": []}}}])
def test_a_damaged_state_is_no_state(state: dict[str, Any]) -> None:
    """A stream that is not seen in half an answer is not gone."""
    with pytest.raises(Retryable):
        removed(Reply(body=state))


def test_without_that_request_some_indices_go_at_once_and_the_rest_later() -> None:
    """Of seven, five; the newest is last, and the server refuses it."""
    bodies = [each for ref in REFS[:5] for each in (there(ref), DONE)]
    every = StreamRef(name=STREAM.name, indices=REFS)
    with pytest.raises(Retryable, match="2 more"):
        removed(Reply(body=members(*REFS)), Reply(400, body=NO_HANDLER), *(Reply(body=b) for b in bodies), stream=every)

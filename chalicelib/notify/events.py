"""Events through EventBridge, in as few calls as its limits allow."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.core.errors import Retryable
from chalicelib.core.messages import Event
from chalicelib.notify.answers import asked

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "snapwarden"
ENTRIES = 10
"""Entries a call."""
SIZE = 256 * 1024
"""Bytes a call, as EventBridge counts them; so the most that one entry may have."""
TIME_BYTES = 14
LONG_TEXT = 1000


class EventBus:
    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name

    def emit(self, events: Sequence[Event]) -> None:
        """The detail that arrives is the event's with its `event_key`; one that is too big is trimmed and says so."""
        for batch in _batches([self._entry(event) for event in events]):
            with asked(f"put {len(batch)} events on bus {self._name}"):
                answer = self._client.put_events(Entries=batch)
            if failed := answer["FailedEntryCount"]:
                codes = sorted({entry["ErrorCode"] for entry in answer["Entries"] if "ErrorCode" in entry})
                raise Retryable(f"bus {self._name} did not take {failed} of {len(batch)} events: {', '.join(codes)}")

    def _entry(self, event: Event) -> "PutEventsRequestEntryTypeDef":
        room = SIZE - TIME_BYTES - len(SOURCE) - len(event.detail_type.encode())
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event.detail_type,
            "Time": event.at,
            "Detail": json.dumps(trimmed({**event.detail, "event_key": event.key}, room), ensure_ascii=False),
        }


def trimmed(detail: dict[str, Any], room: int) -> dict[str, Any]:
    """`detail` with its biggest parts shortened until its JSON has at most `room` bytes; `trimmed` names them.

    Of a list its first entries stay, of a text its beginning; anything else becomes null.
    """
    if _size(detail) <= room:
        return detail
    detail = {**detail, "trimmed": []}
    while _size(detail) > room:
        name = max((key for key in detail if key != "trimmed"), key=lambda key: _size(detail[key]))
        if detail[name] is None:
            break
        detail = {**detail, name: _shorter(detail[name]), "trimmed": sorted({*detail["trimmed"], name})}
    return detail


def _shorter(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) > 1:
        return list(value[: len(value) // 2])
    if isinstance(value, str) and len(value) > LONG_TEXT:
        return value[: LONG_TEXT - 1] + "…"
    return None


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def _batches(entries: "Sequence[PutEventsRequestEntryTypeDef]") -> "Iterator[list[PutEventsRequestEntryTypeDef]]":
    batch: list[PutEventsRequestEntryTypeDef] = []
    size = 0
    for entry in entries:
        own = TIME_BYTES + sum(len(str(entry[key]).encode()) for key in ("Source", "DetailType", "Detail"))
        if batch and (len(batch) == ENTRIES or size + own > SIZE):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += own
    if batch:
        yield batch

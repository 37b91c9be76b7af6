"""Reads Elasticsearch's good answers strictly: a field that is missing or of another type makes the whole answer
unreadable (Retryable), never a snapshot good, bad or gone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from chalicelib.core.errors import Retryable
from chalicelib.core.model import IndexRef
from chalicelib.core.observations import Broken, Complete, InProgress, Observation, Owner, ShardFailure, Sizes
from chalicelib.core.spec import Repository
from chalicelib.engines.elasticsearch_restored import CHANGED

OWNER_KEY = "snapwarden"
ASSIGNED = ("STARTED", "RELOCATING")
"""States of a shard that can be asked."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MILLIS = 32_503_680_000_000
"""The year 3000: beyond it `datetime` and sense end."""
NO_CLUSTER = "_na_"
"""The cluster's uuid before its state was recovered after a boot, when it seems to have no index at all."""


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON object of an answer, and where it stands in it."""

    value: Mapping[str, Any]
    where: str

    def text(self, key: str) -> str:
        found = self.value.get(key)
        if not isinstance(found, str):
            raise self.unreadable(key)
        return found

    def number(self, key: str, *, least: int = 0) -> int:
        found = self.value.get(key)
        if not isinstance(found, int) or isinstance(found, bool) or found < least:
            raise self.unreadable(key)
        return found

    def digits(self, key: str) -> int:
        """A number that is written as text, as in settings."""
        found = self.text(key)
        if not (found.isascii() and found.isdigit()):
            raise self.unreadable(key)
        return int(found)

    def flag(self, key: str) -> bool:
        found = self.value.get(key)
        if not isinstance(found, bool):
            raise self.unreadable(key)
        return found

    def time(self, key: str) -> datetime:
        found = self.number(key)
        if not 0 < found < LAST_MILLIS:
            raise self.unreadable(key)
        return EPOCH + timedelta(milliseconds=found)

    def body(self, key: str) -> "Body":
        found = self.value.get(key)
        if not isinstance(found, Mapping):
            raise self.unreadable(key)
        return Body(found, f"{self.where}.{key}")

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._list(key)
        if not all(isinstance(item, str) for item in found):
            raise self.unreadable(key)
        return tuple(found)

    def bodies(self, key: str) -> tuple["Body", ...]:
        found = self._list(key)
        if not all(isinstance(item, Mapping) for item in found):
            raise self.unreadable(key)
        return tuple(Body(item, f"{self.where}.{key}[{at}]") for at, item in enumerate(found))

    def items(self, key: str) -> Iterator[tuple[str, "Body"]]:
        """Those of an object that is left out when it would be empty."""
        if key in self.value:
            inner = self.body(key)
            yield from ((name, inner.body(name)) for name in inner.value)

    def _list(self, key: str) -> list[Any]:
        found = self.value.get(key)
        if not isinstance(found, list):
            raise self.unreadable(key)
        return found

    def unreadable(self, key: str) -> Retryable:
        return Retryable(f"unreadable answer: {self.where}.{key} is missing or of an unknown kind")


def observation(body: Body, snapshot: str) -> Observation:
    """From GET of one snapshot, the only answer that says how it ended."""
    found = one(body, snapshot)
    uuid, state, who = found.text("uuid"), found.text("state"), _owner(found.value)
    match state:
        case "IN_PROGRESS":
            shards = found.body("shards")
            done = shards.number("successful") + shards.number("failed")
            return InProgress(uuid=uuid, owner=who, shards_done=done, shards_total=shards.number("total"))
        case "SUCCESS" | "PARTIAL":
            return _complete(found, uuid, who, partial=state == "PARTIAL")
        case "FAILED" | "INCOMPATIBLE":
            return Broken(uuid=uuid, owner=who, reason=why(found.value, state))
    raise Retryable(f"unreadable answer: {found.where}.state is {state[:40]!r}, which this release does not know")


def in_progress(body: Body, snapshot: str) -> InProgress:
    """From `_status`, whose word on an end is worth nothing: it calls partial and aborted snapshots SUCCESS."""
    found = one(body, snapshot)
    ending = found.text("state") not in ("INIT", "STARTED")
    shards, stats = found.body("shards_stats"), found.body("stats")
    if "processed" in stats.value:
        processed: int | None = stats.body("processed").number("size_in_bytes")
    else:
        processed = None if ending else 0
    return InProgress(
        uuid=found.text("uuid"),
        ending=ending,
        shards_done=shards.number("done") + shards.number("failed"),
        shards_total=shards.number("total"),
        bytes_done=processed,
        bytes_total=stats.body("incremental").number("size_in_bytes"),
    )


def sizes(body: Body, snapshot: str) -> Sizes:
    stats = one(body, snapshot).body("stats")
    return Sizes(
        total=stats.body("total").number("size_in_bytes"), added=stats.body("incremental").number("size_in_bytes")
    )


def repository(body: Body, name: str) -> Repository:
    """Settings come nested or flat, depending on their names; here they are flat."""
    found = body.body(name)
    try:
        return Repository(type=found.text("type"), settings=dict(flat(found.body("settings").value)))
    except ValidationError:
        raise Retryable(f"unreadable answer: {found.where}.type is no type of a repository") from None


@dataclass(frozen=True, slots=True)
class Names:
    """Indices without system ones, the aliases of each of them, the members of each data stream, and the indices that
    lack a primary."""

    indices: tuple[IndexRef, ...]
    aliases: Mapping[str, tuple[str, ...]]
    streams: Mapping[str, frozenset[str]]
    red: frozenset[str]


def names(body: Body) -> Names:
    """From the cluster state."""
    metadata = known(body)
    found = {name: index for name, index in metadata.items("indices") if not index.flag("system")}
    indices = tuple(_index(name, index) for name, index in found.items())
    streams = {
        name: frozenset(member.text("index_name") for member in stream.bodies("indices"))
        for name, stream in part(metadata, "data_stream").items("data_stream")
    }
    aliases = {name: index.texts("aliases") for name, index in found.items()}
    routing = dict(part(body, "routing_table").items("indices"))
    red = frozenset(name for name in found if not (name in routing and _has_primaries(routing[name])))
    return Names(indices, aliases, streams, red)


def _index(name: str, index: Body) -> IndexRef:
    settings = index.body("settings").body("index")
    return IndexRef(
        name=name,
        uuid=settings.text("uuid"),
        shards=settings.digits("number_of_shards"),
        closed=is_closed(index),
        settings={key: value for key, value in _settings(settings) if key.startswith(CHANGED)},
    )


def is_closed(index: Body) -> bool:
    state = index.text("state")
    if state not in ("open", "close"):
        raise index.unreadable("state")
    return state == "close"


def _settings(index: Body) -> Iterator[tuple[str, str]]:
    """As they can be set again: a list by commas. A null stays in an index that was made with it; it says nothing."""
    for key, value in flat(index.value, "index."):
        if value is not None:
            yield key, ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _has_primaries(routing: Body) -> bool:
    shards = routing.body("shards")
    copies = (copy for number in shards.value for copy in shards.bodies(number) if copy.flag("primary"))
    return all(copy.text("state") in ASSIGNED for copy in copies)


def registered(body: Body, name: str) -> Repository | None:
    """From the cluster state, asked without naming indices."""
    there = part(known(body), "repositories")
    return repository(there, name) if name in there.value else None


def stream_aliases(body: Body) -> frozenset[str]:
    """From the cluster state, asked without naming indices."""
    return frozenset(name for name, _ in part(known(body), "data_stream").items("data_stream_aliases"))


def known(body: Body) -> Body:
    """The metadata. After a boot it is empty until the state was recovered, which must not look like "no index"."""
    unready = any(name == "1" for name, _ in part(body, "blocks").items("global"))
    if body.text("cluster_uuid") == NO_CLUSTER or unready:
        raise Retryable("the cluster has not recovered its state yet")
    return part(body, "metadata")


def part(body: Body, key: str) -> Body:
    """Left out when it would be empty."""
    return body.body(key) if key in body.value else Body({}, f"{body.where}.{key}")


def owner_metadata(owner: Owner) -> dict[str, dict[str, str]]:
    return {
        OWNER_KEY: {
            "installation": owner.installation,
            "policy": owner.policy,
            "slot": owner.slot,
            "run_id": owner.run_id,
        }
    }


def _owner(snapshot: Mapping[str, Any]) -> Owner | None:
    """Anybody may write anything into metadata: what is not wholly ours is a stranger's."""
    match snapshot.get("metadata"):
        case {
            "snapwarden": {
                "installation": str(installation),
                "policy": str(policy),
                "slot": str(slot),
                "run_id": str(run_id),
            }
        }:
            return Owner(installation=installation, policy=policy, slot=slot, run_id=run_id)
    return None


def one(body: Body, snapshot: str) -> Body:
    found = body.bodies("snapshots")
    if len(found) != 1 or found[0].text("snapshot") != snapshot:
        raise Retryable(f"unreadable answer: {body.where}.snapshots does not hold exactly {snapshot}")
    return found[0]


def _complete(found: Body, uuid: str, who: Owner | None, *, partial: bool) -> Complete:
    shards = found.body("shards")
    total, failed = shards.number("total"), shards.number("failed")
    failures = tuple(
        ShardFailure(index=item.text("index"), shard=item.number("shard_id"), reason=item.text("reason"))
        for item in found.bodies("failures")
    )
    return Complete(
        uuid=uuid,
        owner=who,
        partial=partial or failed > 0 or bool(failures) or shards.number("successful") != total,
        started_at=found.time("start_time_in_millis"),
        ended_at=found.time("end_time_in_millis"),
        indices=tuple(sorted(found.texts("indices"))),
        shards_total=total,
        shards_failed=failed,
        failures=failures,
    )


def why(snapshot: Mapping[str, Any], state: str) -> str:
    match snapshot:
        case {"reason": str(reason)} if reason:
            return reason
        case {"failures": [{"reason": str(reason)}, *_]}:
            return f"{state}: {reason}"
    return state


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value

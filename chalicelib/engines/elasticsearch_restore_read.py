"""Reads Elasticsearch's answers about restores as strictly as elasticsearch_read.py does.

How a shard stands is told by two answers. The cluster state says, at one instant, which primaries are there and which
of them are still being restored: one that is unassigned and no longer in that list stays so, whatever the reason is.
Only `_recovery` says where a primary was recovered from; a shard that was given up is missing in it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.restores import (
    Contents,
    DataNode,
    FailedShard,
    HeldIndex,
    LiveIndex,
    Restored,
    RestoreOrder,
    Surroundings,
)
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_read import ASSIGNED, Body, flat, is_closed, known, one, part, why
from chalicelib.engines.elasticsearch_restored import MARK

MARK_KEYS = MARK.removeprefix("index.").split(".")
HOLD_SHARDS = frozenset({"data", "data_content", "data_hot", "data_warm", "data_cold"})
"""Roles. Frozen nodes hold parts of searchable snapshots only, and are counted apart."""
MARKED = re.compile(r"([1-9][0-9]{0,15})ms")
VERSION = re.compile(r"\d+\.\d+\.\d+")
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)b", re.IGNORECASE)
RATIO = re.compile(r"(\d+(?:\.\d+)?)(%?)")
REASON_SHOWN = 300


def contents(question: Question, body: Body) -> Contents:
    found = one(body, question.snapshot)
    state = found.text("state")
    if state == "IN_PROGRESS":
        raise Refused(f"{question}: it is still in progress")
    if state in ("FAILED", "INCOMPATIBLE"):
        raise Refused(f"{question}: it cannot be restored: {why(found.value, state)[:REASON_SHOWN]}")
    if state not in ("SUCCESS", "PARTIAL"):
        raise Retryable(f"unreadable answer: {found.where}.state is {state[:40]!r}, which this release does not know")
    if not VERSION.match(found.text("version")):
        raise found.unreadable("version")
    failed = [item.text("index") for item in found.bodies("failures")]
    if found.body("shards").number("failed") != len(failed) or (state == "PARTIAL" and not failed):
        raise found.unreadable("failures")
    details = dict(found.items("index_details"))
    return Contents(
        uuid=found.text("uuid"),
        version=found.text("version"),
        ended_at=found.time("end_time_in_millis"),
        indices=tuple(_held(found, name, details, failed) for name in sorted(found.texts("indices"))),
        streams=tuple(sorted(found.texts("data_streams"))),
        global_state=found.flag("include_global_state"),
    )


def _held(found: Body, name: str, details: Mapping[str, Body], failed: list[str]) -> HeldIndex:
    """Of an index of which a shard failed the server tells no sizes."""
    if name in failed:
        return HeldIndex(name=name, shards=failed.count(name), bytes=0, whole=False)
    if name not in details:
        raise found.unreadable(f"index_details.{name}")
    of = details[name]
    return HeldIndex(name=name, shards=of.number("shard_count", least=1), bytes=of.number("size_in_bytes"))


def surroundings(state: Body, disk: Body, settings: Body) -> Surroundings:
    metadata, nodes = known(state), dict(state.items("nodes"))
    data = {node: body for node, body in nodes.items() if HOLD_SHARDS & set(body.texts("roles"))}
    if not data:
        raise state.unreadable("nodes")
    streams = part(metadata, "data_stream")
    aliases = _stream_aliases(streams)
    indices = tuple(_live(name, index, aliases.get(name, ())) for name, index in metadata.items("indices"))
    frozen = {name for name, index in metadata.items("indices") if _setting(index, "shard_limit", "group") == "frozen"}
    set_to = _effective(settings)
    return Surroundings(
        version=min((body.text("version") for body in nodes.values()), key=_numbers),
        indices=tuple(sorted(indices, key=lambda index: index.name)),
        streams=tuple(sorted(name for name, _ in streams.items("data_stream"))),
        nodes=tuple(_node(node, data[node].text("name"), disk, set_to) for node in sorted(data)),
        shards=sum(
            index.shards * (1 + index.replicas) for index in indices if not index.closed and index.name not in frozen
        ),
        shard_limit=len(data) * set_to.digits("max_shards_per_node"),
    )


def _live(name: str, index: Body, more: Iterable[str]) -> LiveIndex:
    settings = index.body("settings").body("index")
    return LiveIndex(
        name=name,
        uuid=settings.text("uuid"),
        shards=settings.digits("number_of_shards"),
        replicas=settings.digits("number_of_replicas"),
        closed=is_closed(index),
        aliases=tuple(sorted({*index.texts("aliases"), *more})),
        mark=mark_of(index),
    )


def _stream_aliases(streams: Body) -> dict[str, list[str]]:
    """By backing index."""
    members = {
        name: [member.text("index_name") for member in stream.bodies("indices")]
        for name, stream in streams.items("data_stream")
    }
    found: dict[str, list[str]] = {}
    for alias, body in streams.items("data_stream_aliases"):
        for stream in body.texts("data_streams"):
            for index in members.get(stream, ()):
                found.setdefault(index, []).append(alias)
    return found


def _effective(settings: Body) -> Body:
    """Those below `cluster`, flat. Keys come nested, dotted, or half of each."""
    levels = (part(part(settings, level), "cluster").value for level in ("defaults", "persistent", "transient"))
    return Body({key: value for level in levels for key, value in flat(level)}, settings.where)


def _node(node: str, name: str, disk: Body, settings: Body) -> DataNode:
    if disk.body("_nodes").number("failed"):
        raise disk.unreadable("_nodes.failed")
    threshold = settings.text("routing.allocation.disk.threshold_enabled")
    if threshold not in ("true", "false"):
        raise settings.unreadable("routing.allocation.disk.threshold_enabled")
    if threshold == "false":
        return DataNode(name=name, spare=None)
    total = disk.body("nodes").body(node).body("fs").body("total")
    size = total.number("total_in_bytes")
    spare = total.number("available_in_bytes") - _kept_free(size, settings)
    return DataNode(name=name, spare=max(spare, 0), size=size)


def _kept_free(total: int, settings: Body) -> int:
    low, most = "routing.allocation.disk.watermark.low", "routing.allocation.disk.watermark.low.max_headroom"
    if (free := _size(settings.text(low))) is not None:
        return free
    used = RATIO.fullmatch(settings.text(low))
    if used is None:
        raise settings.unreadable(low)
    free = int(total * (1 - float(used[1]) / (100 if used[2] else 1)))
    if settings.text(most) == "-1":
        return free
    cap = _size(settings.text(most))
    if cap is None:
        raise settings.unreadable(most)
    return min(free, cap)


def _size(text: str) -> int | None:
    found = SIZE.fullmatch(text)
    return int(float(found[1]) * 1024 ** " kmgtp".index(found[2].lower() or " ")) if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def uuids(state: Body) -> dict[str, str]:
    """By name."""
    return {name: uuid_of(index) for name, index in known(state).items("indices")}


def ours(state: Body, names: Iterable[str], mark: int) -> tuple[str, ...]:
    """Those of the names that carry the mark."""
    wanted = frozenset(names)
    return tuple(name for name, index in known(state).items("indices") if name in wanted and mark_of(index) == mark)


def restored(order: RestoreOrder, names: Iterable[str], state: Body, recovery: Body | None) -> Iterator[Restored]:
    """`recovery` is of those that are ours."""
    wanted, running = frozenset(names), frozenset(_running(state))
    for name, index in known(state).items("indices"):
        if name not in wanted:  # behind an alias of that name
            continue
        uuid, shards = uuid_of(index), index.body("settings").body("index").digits("number_of_shards")
        if recovery is None or mark_of(index) != order.mark:
            yield Restored(name=name, uuid=uuid, ours=False, shards=shards, shards_done=0)
            continue
        copies = dict(_primaries(state.body("routing_table").body("indices").body(name), shards))
        rows = list(_rows(recovery, name))
        lost = (_failed(name, shard, copies[shard], rows, (uuid, shard) in running) for shard in range(shards))
        idle = (shard for shard in range(shards) if _is_unassigned(copies[shard]) and (uuid, shard) in running)
        yield Restored(
            name=name,
            uuid=uuid,
            ours=True,
            shards=shards,
            shards_done=sum(_is_done(shard, copies[shard], rows, order) for shard in range(shards)),
            bytes_done=sum(row.body("index").body("size").number("recovered_in_bytes") for row in rows),
            bytes_total=sum(row.body("index").body("size").number("total_in_bytes") for row in rows),
            failed=tuple(shard for shard in lost if shard),
            waiting=tuple(idle),
        )


def _running(state: Body) -> Iterator[tuple[str, int]]:
    """Shards that the server still means to restore."""
    for snapshot in part(state, "restore").bodies("snapshots") if "restore" in state.value else ():
        for shard in snapshot.bodies("shards"):
            if shard.text("state") not in ("SUCCESS", "FAILURE"):
                yield shard.body("index").text("index_uuid"), shard.number("shard")


def _primaries(routing: Body, shards: int) -> Iterator[tuple[int, Body]]:
    """By the number of the shard; each has exactly one, which may be unassigned."""
    table = routing.body("shards")
    for shard in range(shards):
        primaries = [copy for copy in table.bodies(str(shard)) if copy.flag("primary")]
        if len(primaries) != 1:
            raise table.unreadable(str(shard))
        yield shard, primaries[0]


def is_whole(state: Body, name: str) -> bool:
    """No primary is lost; of a closed one they are there, too, and begin anew when it is closed."""
    shards = state.body("metadata").body("indices").body(name).body("settings").body("index")
    routing = state.body("routing_table").body("indices").body(name)
    return all(copy.text("state") != "UNASSIGNED" for _, copy in _primaries(routing, shards.digits("number_of_shards")))


def _rows(recovery: Body, name: str) -> Iterator[Body]:
    """Of primaries. Left out when there is none."""
    if name in recovery.value:
        yield from (row for row in recovery.body(name).bodies("shards") if row.flag("primary"))


def _is_done(shard: int, copy: Body, rows: Iterable[Body], order: RestoreOrder) -> bool:
    """One that has moved to another node since it was restored has lost the record of that, and cannot have been there
    without."""
    if copy.text("state") not in ASSIGNED:
        return False
    for row in rows:
        if row.number("id") == shard and row.text("stage") == "DONE":
            match row.text("type"):
                case "PEER":
                    return True
                case "SNAPSHOT":
                    source = row.body("source")
                    if (source.text("repository"), source.text("snapshot")) == (order.repository, order.snapshot):
                        return True
    return False


def _failed(name: str, shard: int, copy: Body, rows: Iterable[Body], running: bool) -> FailedShard | None:
    if _is_unassigned(copy) and not running:
        return _given_up(name, shard, copy.body("unassigned_info"))
    kinds = {row.text("type") for row in rows if row.number("id") == shard and row.text("stage") == "DONE"}
    if kinds and not kinds & {"SNAPSHOT", "PEER"}:
        reason = f"it was recovered from {', '.join(sorted(kinds))}, not from the snapshot: did a node restart?"
        return FailedShard(index=name, shard=shard, reason=reason)
    return None


def _given_up(name: str, shard: int, unassigned: Body) -> FailedShard:
    if cause := _cause(unassigned):
        return FailedShard(index=name, shard=shard, reason=cause)
    status = f"{unassigned.text('reason')}, {unassigned.value.get('allocation_status') or 'no attempt'}"
    if unassigned.value.get("allocation_status") == "no_valid_shard_copy":  # it was there, or on its way, and is lost
        reason = f"what was back of it is gone: did a node leave, or restart? ({status})"
        return FailedShard(index=name, shard=shard, reason=reason)
    return FailedShard(index=name, shard=shard, reason=f"no node may take it ({status})", unallocated=True)


def _is_unassigned(copy: Body) -> bool:
    return copy.text("state") == "UNASSIGNED"


def _cause(unassigned: Body) -> str | None:
    """The root of a stack of exceptions, which can be 10 KB long. None: nothing failed on a node."""
    details = unassigned.value.get("details")
    if not isinstance(details, str) or "Caused by: " not in details:
        return None
    return details.rpartition("Caused by: ")[2].partition("\n")[0].strip()[:REASON_SHOWN]


def uuid_of(index: Body) -> str:
    return index.body("settings").body("index").text("uuid")


def mark_of(index: Body) -> int | None:
    found = MARKED.fullmatch(_setting(index, *MARK_KEYS) or "")
    return int(found[1]) if found else None


def _setting(index: Body, *keys: str) -> str | None:
    """None: it is not set."""
    inner = index.body("settings").body("index")
    for key in keys[:-1]:
        inner = part(inner, key)
    return inner.text(keys[-1]) if keys[-1] in inner.value else None

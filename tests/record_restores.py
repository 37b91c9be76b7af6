"""The answers about restores that record_answers.py records: each question, good ends and bad, and every refusal."""

from collections.abc import Callable
from dataclasses import replace

from chalicelib.core.model import IndexRef
from chalicelib.core.restores import RestoreOrder
from tests.elastic_admin import Admin, wait
from tests.recorder import Recorder

WISH = RestoreOrder(repository="main", snapshot="good", indices=("orders",), prefix="restored-", mark=2**53 - 1)


def record_restores(admin: Admin, it: Recorder) -> None:
    """After the backups `good` and `partial` were made in `main`."""
    it.case("contents", "restorer.contents", "main", "good")
    it.case("contents-partial", "restorer.contents", "main", "partial")
    it.case("contents-absent", "restorer.contents", "main", "missing")
    it.case("contents-no-repository", "restorer.contents", "missing", "good")
    it.case("surroundings", "restorer.surroundings")
    it.case("restored-nothing", "restorer.restored", WISH)
    it.case("restore", "restorer.restore", WISH)
    _wait_for_green(admin, "restored-orders")
    it.case("restored", "restorer.restored", WISH)
    it.case("restored-not-ours", "restorer.restored", replace(WISH, mark=7))
    it.case("unallocated-on-a-node", "restorer.unallocated", "restored-orders", 0)
    it.case("unallocated-absent", "restorer.unallocated", "missing", 0)
    _record_refusals(admin, it)
    _record_moments(admin, it)
    _record_lost_blob(admin, it)
    _record_no_room(admin, it)
    _record_no_turn(admin, it)
    _record_ends(admin, it)


def _record_refusals(admin: Admin, it: Recorder) -> None:
    it.case("restore-name-taken", "restorer.restore", WISH)
    admin.send("POST", "/_aliases", {"actions": [{"add": {"index": "closed", "alias": "alias-orders"}}]})
    it.case("restore-name-is-alias", "restorer.restore", replace(WISH, prefix="alias-"))
    it.case("restore-bad-name", "restorer.restore", replace(WISH, prefix="Capitals-"))
    it.case("restore-absent", "restorer.restore", replace(WISH, snapshot="missing", prefix="new-"))
    it.case("restore-no-repository", "restorer.restore", replace(WISH, repository="missing", prefix="new-"))
    it.case("restore-not-held", "restorer.restore", replace(WISH, indices=("orders", "missing"), prefix="new-"))
    it.case("restore-torn", "restorer.restore", replace(WISH, snapshot="partial", indices=("red",), prefix="new-"))
    admin.send("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": 1}})
    it.case("restore-shard-limit", "restorer.restore", replace(WISH, prefix="new-"))
    admin.send("PUT", "/_cluster/settings", {"persistent": {"cluster.max_shards_per_node": None}})


def _record_moments(admin: Admin, it: Recorder) -> None:
    """While something runs: `slow` is throttled, and holds an index of the same name."""
    admin.create_repository("later", "later")
    admin.send("PUT", "/_snapshot/later/good?wait_for_completion=true", {"indices": "slow"})
    admin.create_repository("later", "later", max_restore_bytes_per_sec="20kb", max_snapshot_bytes_per_sec="20kb")
    wanted = replace(WISH, repository="later", indices=("slow",))
    it.case("restore-slow", "restorer.restore", wanted)
    it.case("restored-under-way", "restorer.restored", wanted)
    it.case("delete-being-restored", "delete", "later", "good")
    admin.send("DELETE", "/restored-slow")
    admin.create_index("held", documents=500)
    admin.send("PUT", "/_snapshot/later/running", {"indices": "held"})
    it.case("contents-in-progress", "restorer.contents", "later", "running")
    it.case("restore-in-progress", "restorer.restore", replace(wanted, snapshot="running", indices=("held",)))
    it.case("remove-in-snapshot", "restorer.remove", ref(admin, "held"))
    admin.unthrottle("later", "later")
    admin.wait_for_end("later", "running")


def _record_lost_blob(admin: Admin, it: Recorder) -> None:
    admin.create_repository("torn", "torn")
    admin.send("PUT", "/_snapshot/torn/good?wait_for_completion=true", {"indices": "orders"})
    max((it.repositories / "torn").glob("indices/*/0/__*"), key=lambda path: path.stat().st_size).unlink()
    wanted = replace(WISH, repository="torn", prefix="torn-")
    it.case("restore-lost-blob", "restorer.restore", wanted)
    wait(lambda: _given_up(admin, "torn-orders"), "the end of a restore without a blob")
    it.case("restored-lost-blob", "restorer.restored", wanted)
    admin.send("DELETE", "/torn-orders")


def _record_no_room(admin: Admin, it: Recorder) -> None:
    """It is given up at once, and for good, even when there is room later."""
    marks = {"low": "1000tb", "high": "1b", "flood_stage": "1b"}
    disk = "cluster.routing.allocation.disk"
    watermarks = {f"{disk}.watermark.{key}": value for key, value in marks.items()}
    admin.send("PUT", "/_cluster/settings", {"persistent": watermarks})
    wanted = replace(WISH, prefix="full-")
    it.case("restore-no-room", "restorer.restore", wanted)
    wait(lambda: _given_up(admin, "full-orders"), "the end of a restore without room")
    it.case("unallocated-never", "restorer.unallocated", "full-orders", 0)
    admin.send("PUT", "/_cluster/settings", {"persistent": {f"{disk}.*": None}})
    it.case("restored-no-room", "restorer.restored", wanted)
    it.case("unallocated-given-up", "restorer.unallocated", "full-orders", 0)
    admin.send("DELETE", "/full-orders")


def _record_no_turn(admin: Admin, it: Recorder) -> None:
    """It waits, and goes on by itself."""
    recoveries = "cluster.routing.allocation.node_initial_primaries_recoveries"
    admin.send("PUT", "/_cluster/settings", {"persistent": {recoveries: 0}})
    wanted = replace(WISH, prefix="later-")
    it.case("restore-no-turn", "restorer.restore", wanted)
    wait(lambda: _status(admin, "later-orders") == "deciders_throttled", "a shard that waits")
    it.case("restored-no-turn", "restorer.restored", wanted)
    it.case("unallocated-waits", "restorer.unallocated", "later-orders", 0)
    admin.send("PUT", "/_cluster/settings", {"persistent": {recoveries: None}})
    _wait_for_green(admin, "later-orders")
    admin.send("DELETE", "/later-orders")


def _record_ends(admin: Admin, it: Recorder) -> None:
    made = ref(admin, "restored-orders")
    it.case("release", "restorer.release", made, {"index.number_of_replicas": 1})
    it.case("release-refused", "restorer.release", made, {"index.number_of_shards": 2})
    it.case("release-made-anew", "restorer.release", replace(made, uuid="another"), {})
    it.case("remove-made-anew", "restorer.remove", replace(made, uuid="another"))
    it.case("remove", "restorer.remove", made)
    it.case("remove-absent", "restorer.remove", made)


def secured_restores(admin: Admin, user: Callable[[str], Recorder]) -> None:
    """After the backup `good` of `orders` was made. `others` may be restored, and not touched afterwards."""
    admin.wait_for_end("main", "good")
    restores, watches = user("restores"), user("watches")
    restores.case("secured-contents", "restorer.contents", "main", "good")
    restores.case("secured-surroundings", "restorer.surroundings")
    restores.case("secured-restore", "restorer.restore", WISH)
    _wait_for_green(admin, "restored-orders")
    restores.case("secured-restored", "restorer.restored", WISH)
    made = ref(admin, "restored-orders")
    admin.create_red_index("restored-red")
    restores.case("secured-unallocated", "restorer.unallocated", "restored-red", 0)
    watches.case("secured-unallocated-forbidden", "restorer.unallocated", "restored-red", 0)
    watches.case("secured-contents-forbidden", "restorer.contents", "main", "good")
    watches.case("secured-surroundings-forbidden", "restorer.surroundings")
    watches.case("secured-restore-forbidden", "restorer.restore", replace(WISH, prefix="new-"))
    watches.case("secured-restored-forbidden", "restorer.restored", WISH)
    watches.case("secured-remove-forbidden", "restorer.remove", made)
    watches.case("secured-release-forbidden", "restorer.release", made, {})
    user("stats-only").case("secured-state-forbidden", "restorer.surroundings")
    user("watches-nodes").case("secured-settings-forbidden", "restorer.surroundings")
    restores.case("secured-release", "restorer.release", made, {"index.number_of_replicas": 1})
    restores.case("secured-remove", "restorer.remove", made)


def ref(admin: Admin, name: str) -> IndexRef:
    index = admin.send("GET", f"/{name}/_settings")[name]["settings"]["index"]
    return IndexRef(name=name, uuid=index["uuid"], shards=int(index["number_of_shards"]))


def _wait_for_green(admin: Admin, index: str) -> None:
    admin.send("GET", f"/_cluster/health/{index}?wait_for_status=green&timeout=30s")


def _given_up(admin: Admin, index: str) -> bool:
    state = admin.send("GET", f"/_cluster/state/routing_table,customs/{index}")
    (shard,) = state["routing_table"]["indices"][index]["shards"]["0"]
    return shard["state"] == "UNASSIGNED" and not state["restore"]["snapshots"]


def _status(admin: Admin, index: str) -> str:
    """Of its shard 0, as the last attempt to allocate it left it."""
    state = admin.send("GET", f"/_cluster/state/routing_table/{index}")
    (shard,) = state["routing_table"]["indices"][index]["shards"]["0"]
    return str(shard.get("unassigned_info", {}).get("allocation_status"))

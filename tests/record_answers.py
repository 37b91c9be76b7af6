"""Records what real servers answer to the engine: `python -m tests.record_answers [--only TEXT] [VERSION …]` writes one
file per case to tests/golden/answers (`--only`: all is done, and only cases that have TEXT in a request are written;
with `|` between them, one of several).
Each holds the question, the requests with their answers, and what the engine made of them; reading the difference to
the previous recording is the point of recording anew.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from uuid import uuid4

from chalicelib.core.observations import Owner
from chalicelib.core.ports import StartOrder
from chalicelib.core.spec import Repository, Select
from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import places
from infra.local.servers import Server
from tests.elastic_admin import Admin, wait
from tests.record_restores import record_restores, ref, secured_restores
from tests.recorder import Recorder
from tests.secured_elasticsearch import SecuredElasticsearch, password

GOLDEN = Path(__file__).parent / "golden" / "answers"
VERSIONS = ("8.19.2", "9.2.0")
OWNER = Owner(installation="recorder", policy="orders", slot="2026-11-21T02:00Z", run_id="backup:orders:1")
ALL = Select(indices=("*",))
SLOW = "100kb"


def order(repository: str, snapshot: str, *indices: str) -> StartOrder:
    return StartOrder(
        repository=repository,
        snapshot=snapshot,
        indices=indices or ("orders",),
        global_state=False,
        feature_states=(),
        owner=OWNER,
    )


def record_open(server: Server, folder: Path, only: str) -> None:
    admin, it = Admin(server.url), Recorder(server, folder, only)
    it.case("resolve-empty-cluster", "resolve", ALL, repository="main")
    _make_indices(admin)
    admin.create_repository("main", "main")
    _record_good(admin, it)
    _record_counts(admin, it)
    _record_running(admin, it)
    _record_refusals(it)
    record_restores(admin, it)
    _record_broken(admin, it)


def _make_indices(admin: Admin) -> None:
    admin.create_index("orders", documents=20)
    admin.create_index("closed")
    admin.send("POST", "/closed/_close")
    admin.create_index(".hidden", settings={"index.hidden": True})
    admin.create_index(".tasks", documents=0)
    admin.send("POST", "/_aliases", {"actions": [{"add": {"index": "orders", "alias": "live"}}]})
    admin.send("PUT", "/_index_template/logs", {"index_patterns": ["logs-*"], "data_stream": {}, "priority": 500})
    admin.send("POST", "/logs-shop/_doc?refresh=true", {"@timestamp": "2026-11-21T02:00:00Z"})
    admin.send("POST", "/_aliases", {"actions": [{"add": {"index": "logs-shop", "alias": "every-log"}}]})


def _record_good(admin: Admin, it: Recorder) -> None:
    it.case("resolve-all", "resolve", ALL, repository="main")
    it.case("resolve-no-repository", "resolve", ALL, repository="missing")
    it.case("resolve-alias-and-missing", "resolve", Select(indices=("live", "missing")), repository="main")
    it.case("resolve-nothing", "resolve", Select(indices=("zz*",)))
    it.case("resolve-stream-alias", "resolve", Select(indices=("orders", "every-log")))
    it.case("resolve-doubtful", "resolve", Select(indices=("custmers", "logs-*", "every-*")))
    it.case("look-absent", "look", "main", "good")
    it.case("start-accepted", "start", order("main", "good", "orders", "closed", ".hidden", "missing"))
    admin.wait_for_end("main", "good")
    it.case("look-success", "look", "main", "good")
    it.case("look-running-success", "look", "main", "good", running=True)
    it.case("sizes", "sizes", "main", "good")
    it.case("try-out", "try_out", "main", "empty-handed", OWNER)
    admin.wait_for_end("main", "empty-handed")
    it.case("look-tried-out", "look", "main", "empty-handed")
    it.case("try-out-name-taken", "try_out", "main", "good", OWNER)
    it.case("start-nothing-there", "start", order("main", "empty", "missing"))
    admin.wait_for_end("main", "empty")
    it.case("look-success-empty", "look", "main", "empty")
    admin.create_red_index("red")
    it.case("start-partial", "start", order("main", "partial", "orders", "red"))
    admin.wait_for_end("main", "partial")
    it.case("look-partial", "look", "main", "partial")
    it.case("look-running-partial", "look", "main", "partial", running=True)
    it.case("sizes-partial", "sizes", "main", "partial")
    admin.send("DELETE", "/red")
    it.case("repository", "repository", "main")
    it.case("register", "register", "main", Repository(type="fs", settings={"location": "main", "compress": True}))


def _record_counts(admin: Admin, it: Recorder) -> None:
    """Of indices that the engine never resolved, so that it depends on nothing that was done before."""
    admin.create_index("counted", documents=4)
    admin.create_index("spread", documents=5, settings={"number_of_shards": 3})
    admin.create_index("shut")
    admin.send("POST", "/shut/_close")
    admin.create_red_index("red")
    counted, spread, shut, red = (ref(admin, name) for name in ("counted", "spread", "shut", "red"))
    it.case("counts", "counts", [spread, replace(shut, closed=True), counted], refresh=False)
    it.case("counts-red", "counts", [counted, red], refresh=True)
    it.case("counts-closed-meanwhile", "counts", [counted, shut], refresh=True)
    it.case("counts-missing", "counts", [counted, replace(red, name="missing")], refresh=False)
    it.case("counts-made-anew", "counts", [replace(counted, uuid="another")], refresh=True)
    admin.send("DELETE", "/counted,red,shut,spread")


def _record_running(admin: Admin, it: Recorder) -> None:
    admin.create_index("slow", documents=900)
    admin.create_repository("slow", "slow", max_snapshot_bytes_per_sec=SLOW)
    it.case("start-slow", "start", order("slow", "running", "slow"))
    it.case("look-in-progress", "look", "slow", "running")
    it.case("look-running-in-progress", "look", "slow", "running", running=True)
    it.case("start-name-running", "start", order("slow", "running"))
    admin.send("PUT", "/_cluster/settings", {"persistent": {"snapshot.max_concurrent_operations": 1}})
    it.case("start-too-many", "start", order("slow", "second"))
    admin.send("PUT", "/_cluster/settings", {"persistent": {"snapshot.max_concurrent_operations": None}})
    it.case("delete-running", "delete", "slow", "running")
    it.case("look-running-aborted", "look", "slow", "running", running=True)
    admin.unthrottle("slow", "slow")
    admin.wait_for_end("slow", "running")


def _record_refusals(it: Recorder) -> None:
    it.case("start-name-taken", "start", order("main", "good"))
    it.case("start-bad-name", "start", order("main", "Capitals"))
    it.case("start-no-repository", "start", order("missing", "good"))
    it.case("look-no-repository", "look", "missing", "good")
    it.case("look-running-no-repository", "look", "missing", "good", running=True)
    it.case("look-running-absent", "look", "main", "missing", running=True)
    it.case("sizes-absent", "sizes", "main", "missing")
    it.case("repository-missing", "repository", "missing")
    it.case("delete", "delete", "main", "empty")
    it.case("delete-absent", "delete", "main", "missing")
    it.case("delete-no-repository", "delete", "missing", "good")
    it.case("register-outside", "register", "outside", Repository(type="fs", settings={"location": "/elsewhere"}))
    it.case("register-unknown-type", "register", "tape", Repository(type="tape"))
    it.case("register-no-location", "register", "bad", Repository(type="fs"))


def _record_broken(admin: Admin, it: Recorder) -> None:
    closed = it.repositories / "unwritable"
    closed.mkdir(mode=0o555)
    unwritable = Repository(type="fs", settings={"location": "unwritable"})
    it.case("register-unwritable", "register", "unwritable", unwritable)
    admin.create_repository("readonly", "main", readonly=True)
    it.case("start-readonly", "start", order("readonly", "new"))
    it.case("delete-readonly", "delete", "readonly", "good")
    admin.send("DELETE", "/_snapshot/readonly")
    folder = it.repositories / "main"
    mode = folder.stat().st_mode
    folder.chmod(0o000)
    it.case("look-unreadable", "look", "main", "good")
    it.case("look-unreadable-absent", "look", "main", "missing")
    it.case("sizes-unreadable", "sizes", "main", "good")
    it.case("delete-unreadable-absent", "delete", "main", "missing")
    it.case("start-unreadable", "start", order("main", "doomed"))
    admin.wait_for_end("main", "doomed")
    it.case("look-doomed", "look", "main", "doomed")
    folder.chmod(mode)
    it.case("look-readable-again", "look", "main", "good")
    rmtree(folder)
    it.case("look-directory-removed", "look", "main", "good")
    it.case("look-directory-removed-absent", "look", "main", "missing")
    it.case("delete-directory-removed-absent", "delete", "main", "missing")
    it.case("start-directory-removed", "start", order("main", "new"))
    wait(lambda: admin.state_of("main", "new") != "IN_PROGRESS", "the end of a snapshot without a directory")
    it.case("look-disabled", "look", "main", "good")
    it.case("look-disabled-absent", "look", "main", "missing")
    it.case("start-disabled", "start", order("main", "newer"))
    it.case("delete-disabled", "delete", "main", "good")


def record_secured(server: Server, folder: Path, only: str) -> None:
    admin = Admin(server.url, ("root", password("root")))
    admin.create_index("orders")
    admin.create_index("others")
    admin.create_repository("main", "main")
    backup, bare, watches = (Recorder(server, folder, only, user) for user in ("backup", "snapshots-only", "watches"))
    backup.case("secured-resolve", "resolve", ALL)
    backup.case("secured-start", "start", order("main", "good"))
    backup.case("secured-register", "register", "more", Repository(type="fs", settings={"location": "more"}))
    bare.case("secured-resolve-forbidden", "resolve", ALL)
    watches.case("secured-look-forbidden", "look", "main", "good")
    watches.case("secured-start-forbidden", "start", order("main", "other"))
    counts, stats, deletes = (Recorder(server, folder, only, user) for user in ("counts", "stats-only", "deletes"))
    orders, others = ref(admin, "orders"), ref(admin, "others")
    counts.case("secured-counts", "counts", [orders], refresh=True)
    counts.case("secured-counts-some-forbidden", "counts", [orders, others], refresh=True)
    counts.case("secured-counts-gone", "counts", [orders, replace(others, name="orders-gone")], refresh=True)
    stats.case("secured-refresh-forbidden", "counts", [orders], refresh=True)
    watches.case("secured-counts-forbidden", "counts", [orders], refresh=False)
    backup.case("secured-delete-forbidden", "delete", "main", "missing")
    deletes.case("secured-delete-absent", "delete", "main", "missing")
    secured_restores(admin, lambda user: Recorder(server, folder, only, user))
    Recorder(server, folder, only, "nobody").case("secured-unknown-user", "look", "main", "good")


def main(versions: tuple[str, ...], only: str) -> None:
    here = places()
    recordings: Mapping[type[Elasticsearch], Callable[[Server, Path, str], None]] = {
        Elasticsearch: record_open,
        SecuredElasticsearch: record_secured,
    }
    for version in versions:
        folder = GOLDEN / f"elasticsearch-{version}"
        if not only:
            rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        for kind, record in recordings.items():
            root = here.servers / f"record-{uuid4().hex[:8]}"
            server = kind(here, version, root).start()
            try:
                record(server, folder, only)
            finally:
                server.stop()
                rmtree(root)


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tests.record_answers")
    parser.add_argument("--only", default="", metavar="TEXT")
    parser.add_argument("versions", nargs="*", default=VERSIONS)
    asked = parser.parse_args()
    main(tuple(asked.versions), asked.only)

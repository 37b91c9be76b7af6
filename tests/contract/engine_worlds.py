"""Servers that the contract of engines is checked on (the fake, and real ones, all made to do the same), and what the
tests ask them for."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from chalicelib.core.emergency import APIS
from chalicelib.core.observations import Owner
from chalicelib.core.ports import Engine, StartOrder
from chalicelib.core.spec import Repository, Select
from infra.local.servers import Server
from tests.contract.proof_worlds import ElasticsearchProofs, FakeProofs, ProofWorld
from tests.contract.stream_worlds import ElasticsearchStreams, FakeStreams, StreamWorld
from tests.elastic_admin import Admin
from tests.fakes.elasticsearch import FakeEngine
from tests.replay import engine_of

OWNER = Owner(installation="1f0c", policy="orders", slot="2026-11-21T02:00Z", run_id="backup:orders:2026-11-21T02:00Z")


class EngineWorld(ProofWorld, StreamWorld, Protocol):
    """An engine with a server behind it. `own("x")` is a name that no other test uses; names begin with it."""

    engine: Engine

    def own(self, name: str) -> str: ...
    def index(self, name: str, *, hidden: bool = False, red: bool = False, shards: int = 1) -> None:
        """With one document, but for a red one."""

    def write(self, index: str, documents: int, *, nested: int = 0) -> None:
        """Of one document more each, with so many nested ones in it. Not refreshed."""

    def erase(self, index: str) -> None:
        """Deletes a document that was written. Not refreshed."""

    def drop(self, name: str) -> None: ...
    def close(self, name: str) -> None: ...
    def alias(self, index: str, alias: str, **how: object) -> None:
        """Of an index or of a data stream."""

    def configure(self, part: str, name: str, body: object) -> None:
        """A template, a pipeline, or a persistent setting of the cluster."""

    def system_index(self) -> str: ...
    def definition(self, name: str) -> Repository:
        """Of a repository that `Engine.register` can register."""

    def slow(self, repository: str, index: str) -> None:
        """A repository, and an index of which a snapshot runs until `finish`."""

    def finish(self, repository: str, snapshot: str) -> None: ...
    def break_repository(self, name: str) -> None:
        """What is in it can no longer be read."""

    def mend_repository(self, name: str) -> None: ...
    def foreign_snapshot(self, repository: str, snapshot: str, index: str) -> None:
        """Somebody else's, which must hold all of the index. It runs until `finish`, in a repository made by `slow`."""

    def elaborate(self, name: str) -> None:
        """An index of 10 shards, sorted, with an analyzer of its own, and one document."""

    def creep(self, repository: str) -> None:
        """Restores from it take long from now on."""

    def lose_blob(self, repository: str, snapshot: str, index: str) -> None:
        """Something of its shard 0 is no longer there, and nobody has noticed."""

    def silence(self) -> Engine:
        """An engine whose server does not answer."""


class FakeWorld(FakeProofs, FakeStreams):
    def __init__(self) -> None:
        self.fake = FakeEngine(indices=())
        self.fake.repositories.clear()
        self.engine: Engine = self.fake

    def own(self, name: str) -> str:
        return f"own-{name}"

    def index(self, name: str, *, hidden: bool = False, red: bool = False, shards: int = 1) -> None:
        self.fake.create_index(name, red=red, shards=shards, documents=0 if red else 1)

    def write(self, index: str, documents: int, *, nested: int = 0) -> None:
        self.fake.write(index, documents, nested=nested)

    def erase(self, index: str) -> None:
        self.fake.delete_documents(index, 1)

    def drop(self, name: str) -> None:
        self.fake.delete_index(name)

    def close(self, name: str) -> None:
        """Closed ones belong into backups like open ones."""
        self.fake.indices[name].closed = True

    def alias(self, index: str, alias: str, **how: object) -> None:
        self.fake.alias_details[alias] = how
        for name, held in self.fake.indices.items():
            if index in (name, held.stream):
                held.aliases += (alias,)

    def configure(self, part: str, name: str, body: object) -> None:
        self.fake.configured.setdefault(part, {})[name] = body

    def system_index(self) -> str:
        self.fake.create_index(".tasks", system=True)
        return ".tasks"

    def definition(self, name: str) -> Repository:
        return Repository(type="fs", settings={"location": name})

    def slow(self, repository: str, index: str) -> None:
        self.index(index)
        self.engine.register(repository, self.definition(repository))

    def finish(self, repository: str, snapshot: str) -> None:
        self.fake.complete(snapshot)

    def break_repository(self, name: str) -> None:
        self.fake.break_repository(name)

    def mend_repository(self, name: str) -> None:
        self.fake.mend_repository(name)

    def foreign_snapshot(self, repository: str, snapshot: str, index: str) -> None:
        self.fake.bind(repository, snapshot, index)

    def elaborate(self, name: str) -> None:
        self.index(name, shards=10)

    def creep(self, repository: str) -> None:
        self.fake.restore_looks = 10

    def lose_blob(self, repository: str, snapshot: str, index: str) -> None:
        self.fake.lose_blob(snapshot, index)

    def silence(self) -> Engine:
        self.fake.outage(1)
        return self.fake


class ElasticsearchWorld(ElasticsearchProofs, ElasticsearchStreams):
    def __init__(self, server: Server) -> None:
        assert server.repositories is not None
        self._repositories: Path = server.repositories
        self._own = f"own{uuid4().hex[:8]}"
        self._throttled: set[str] = set()
        self._written: dict[str, list[str]] = defaultdict(list)
        self._configured: list[str] = []
        self._admin = Admin(server.url)
        self.engine = engine_of(server.url)

    def own(self, name: str) -> str:
        return f"{self._own}-{name}"

    def index(self, name: str, *, hidden: bool = False, red: bool = False, shards: int = 1) -> None:
        if red:
            self._admin.create_red_index(name)
            return
        # Without a refresh of its own, so that what was not refreshed is seen not to be.
        settings = {"index.hidden": hidden, "number_of_shards": shards, "refresh_interval": -1}
        self._admin.create_index(name, settings=settings)

    def write(self, index: str, documents: int, *, nested: int = 0) -> None:
        self._admin.send("PUT", f"/{index}/_mapping", {"properties": {"parts": {"type": "nested"}}})
        for _ in range(documents):
            body = {"parts": [{"part": number} for number in range(nested)]}
            made = self._admin.send("POST", f"/{index}/_doc", body)
            self._written[index].append(made["_id"])

    def erase(self, index: str) -> None:
        self._admin.send("DELETE", f"/{index}/_doc/{self._written[index].pop()}")

    def drop(self, name: str) -> None:
        self._admin.send("DELETE", f"/{name}")

    def close(self, name: str) -> None:
        self._admin.send("POST", f"/{name}/_close")

    def alias(self, index: str, alias: str, **how: object) -> None:
        self._admin.send("POST", "/_aliases", {"actions": [{"add": {"index": index, "alias": alias, **how}}]})

    def configure(self, part: str, name: str, body: object) -> None:
        if part == "cluster_settings":
            self._admin.send("PUT", "/_cluster/settings", {"persistent": {name: body}})
        else:
            self._admin.send("PUT", f"/{APIS[part]}/{name}", body)
            self._configured.append(f"/{APIS[part]}/{name}")

    def system_index(self) -> str:
        self._admin.send("PUT", "/.tasks", {"settings": {"number_of_replicas": 0}}, ok=(200, 400))  # 400: is there
        return ".tasks"

    def definition(self, name: str) -> Repository:
        return Repository(type="fs", settings={"location": name})

    def slow(self, repository: str, index: str) -> None:
        self._admin.create_index(index, documents=2000)
        self._admin.create_repository(repository, repository, max_snapshot_bytes_per_sec="50kb")
        self._throttled.add(repository)

    def finish(self, repository: str, snapshot: str) -> None:
        if repository in self._throttled:
            self._admin.unthrottle(repository, repository)
            self._throttled.remove(repository)
        self._admin.wait_for_end(repository, snapshot)

    def break_repository(self, name: str) -> None:
        (self._repositories / name).chmod(0o000)

    def mend_repository(self, name: str) -> None:
        (self._repositories / name).chmod(0o755)

    def foreign_snapshot(self, repository: str, snapshot: str, index: str) -> None:
        self._admin.send("PUT", f"/_snapshot/{repository}/{snapshot}", {"indices": index, "partial": False})

    def elaborate(self, name: str) -> None:
        analysis = {"analyzer": {"ours": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase"]}}}
        settings = {"number_of_shards": 10, "number_of_replicas": 0, "sort.field": "at", "analysis": analysis}
        fields = {"at": {"type": "date"}, "text": {"type": "text", "analyzer": "ours"}}
        self._admin.send("PUT", f"/{name}", {"settings": settings, "mappings": {"properties": fields}})
        self._admin.send("POST", f"/{name}/_doc?refresh=true", {"at": "2026-11-21", "text": "One"})

    def creep(self, repository: str) -> None:
        self._admin.create_repository(repository, repository, max_restore_bytes_per_sec="50kb")

    def lose_blob(self, repository: str, snapshot: str, index: str) -> None:
        folder = self._repositories / repository
        newest = max(folder.glob("index-*"), key=lambda path: int(path.name.removeprefix("index-")))
        folder /= f"indices/{json.loads(newest.read_text())['indices'][index]['id']}/0"
        max(folder.glob("__*"), key=lambda path: path.stat().st_size).unlink()

    def silence(self) -> Engine:
        return engine_of("http://127.0.0.1:9")

    def leave_nothing_behind(self) -> None:
        """Streams stay until the server ends: the trimmed one cannot delete them."""
        for path in reversed(dict.fromkeys(self._configured)):
            self._admin.send("DELETE", path, ok=(200, 400) if "template" in path else (200,))  # a stream may need it
        for name in self._admin.send("GET", f"/_snapshot/{self._own}*"):
            self.mend_repository(name)
            self._admin.send("DELETE", f"/_snapshot/{name}/*")
            self._admin.send("DELETE", f"/_snapshot/{name}")
        for name in self._admin.send("GET", f"/{self._own}*/_settings?expand_wildcards=open,closed,hidden"):
            if not name.startswith(".ds-"):
                self.drop(name)


def order(repository: str, snapshot: str, *indices: str) -> StartOrder:
    return StartOrder(
        repository=repository, snapshot=snapshot, indices=indices, global_state=False, feature_states=(), owner=OWNER
    )


def names(world: EngineWorld, *patterns: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [index.name for index in world.engine.resolve(Select(indices=patterns, exclude=exclude)).indices]


def unmatched(world: EngineWorld, *patterns: str, exclude: tuple[str, ...] = ()) -> list[str]:
    """Of patterns that are the test's own."""
    select = Select(indices=tuple(map(world.own, patterns)), exclude=tuple(map(world.own, exclude)))
    return [pattern.removeprefix(world.own("")) for pattern in world.engine.resolve(select).unmatched]


def registered(world: EngineWorld, name: str) -> str:
    world.engine.register(world.own(name), world.definition(world.own(name)))
    return world.own(name)


def backed_up(world: EngineWorld, *indices: str, snapshot: str = "snap") -> str:
    """A finished snapshot of indices made for it; its repository."""
    repository = registered(world, "main")
    for index in indices:
        world.index(world.own(index))
    world.engine.start(order(repository, snapshot, *(world.own(index) for index in indices)))
    world.finish(repository, snapshot)
    return repository

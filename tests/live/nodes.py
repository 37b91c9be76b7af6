"""A cluster of two nodes on this machine: a master that holds data too, and a second one that can be killed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local import processes
from infra.local.elasticsearch import Elasticsearch
from infra.local.paths import Places
from infra.local.servers import HOST, get
from tests.live.accidents import Breakable

FIRST, SECOND = "first", "second"
VERSION = "8.19.2"


@dataclass(frozen=True)
class Node(Elasticsearch):
    """`transport` is its own port, `master` that of the first node. Only the first can be elected, so that it remains
    a cluster when the second one dies."""

    name: str = FIRST
    transport: int = 0
    master: int = 0

    @property
    def cluster(self) -> str:
        return f"two-{self.master}"

    def _settings(self, port: int, repositories: Path) -> dict[str, str | int | bool]:
        settings = super()._settings(port, repositories)
        del settings["discovery.type"]
        mine: dict[str, str | int | bool] = {
            "node.name": self.name,
            "transport.port": self.transport,
            "discovery.seed_hosts": f"{HOST}:{self.master}",
        }
        if self.name == FIRST:
            return {**settings, **mine, "cluster.initial_master_nodes": FIRST}
        return {**settings, **mine, "node.roles": "data"}

    def _answers(self, url: str) -> bool:
        """The second one answers as soon as it has joined."""
        nodes = ">=1" if self.name == FIRST else ">=2"
        answer = get(f"{url}/_cluster/health?wait_for_nodes={nodes}&wait_for_status=yellow&timeout=1s")
        return answer is not None and answer[0] == 200 and f'"{self.cluster}"'.encode() in answer[1]


class TwoNodes:
    """Both up once made; they boot at the same time. They share their repositories; each pair has its own folders."""

    def __init__(self, places: Places, root: Path, version: str = VERSION) -> None:
        port = processes.free_port()
        shared = root / f"two-{port}-repositories"
        first = Node(places, version, root / f"two-{port}-first", repositories=shared, transport=port, master=port)
        second = replace(first, root=root / f"two-{port}-second", name=SECOND, transport=processes.free_port())
        with ThreadPoolExecutor() as pool:
            self.first, self.second = pool.map(Breakable, (first, second))

    def stop(self) -> None:
        self.second.server.stop()
        self.first.server.stop()

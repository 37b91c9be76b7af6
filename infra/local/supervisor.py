"""The process behind a running local stage: starts the servers, deploys, hosts the functions, stops it all again.

    python -m infra.local.supervisor '{"folder": …, "version": …, "fresh": …}'

Says what it does as lines of JSON on stdout until it is ready; then `up` goes and it stays, until SIGTERM or until a
server without which there is no stage has ended. An Elasticsearch that ends by itself is started again, as an operating
system would: what it held, it holds again, and its address stays.
"""

import json
import logging
import os
import shutil
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import Timeout

from infra import vendor
from infra.local import dynamodb, elasticsearch, foundation, processes, provided, stage, stagefile, triggers
from infra.local.aws import Aws
from infra.local.deploy import deploy
from infra.local.dynamodb import DynamoDBLocal
from infra.local.elasticsearch import Elasticsearch
from infra.local.errors import CannotStart
from infra.local.java import java_home
from infra.local.moto_server import MotoServer
from infra.local.paths import CHECKOUT, places
from infra.local.processes import Identity
from infra.local.runtime import Runtime, Settings
from infra.local.servers import Server, get

LOG = logging.getLogger(__name__)
STAGE = "local"
VITAL = ("dynamodb", "moto")
LIVED = 20.0
"""Seconds between two boots at least: one that ends at once would end again."""


class Stop(BaseException):
    """SIGTERM or SIGINT. No Exception, so that nothing on the way swallows it."""


class Supervisor:
    def __init__(self, folder: Path, version: str, fresh: bool) -> None:
        self.folder = folder
        self.version = version
        self.fresh = fresh
        self.journal = stagefile.Journal(folder)
        self.places = places()
        self.root = stage.servers_root(self.places, folder)
        self.runtime: Runtime | None = None
        self.servers: dict[str, Server] = {}
        self._booted = 0.0

    def start(self) -> dict[str, Any]:
        """Everything, in order; the state that `stage.json` holds from then on."""
        self._clear()
        self._install()
        with ThreadPoolExecutor(3) as pool:
            try:
                aws = self._start_servers(pool)
            except BaseException:
                self.journal.end_all(but=os.getpid())  # else the pool would wait until the others have booted
                raise
        self.runtime = Runtime(
            Settings(aws=aws, project=CHECKOUT, work=self.folder / "functions", logs=self.folder / "logs")
        )
        self.runtime.start()
        state = self._state(aws, self.runtime.url)
        stagefile.store(self.folder, state)
        self._booted = time.monotonic()
        return state

    def _start_servers(self, pool: ThreadPoolExecutor) -> Aws:
        """Elasticsearch boots slowly, so everything else is done meanwhile."""
        search = pool.submit(self._start_elasticsearch)
        database = pool.submit(DynamoDBLocal(self.places, self.root / "dynamodb").start)
        moto = pool.submit(MotoServer(self.folder / "logs" / "moto.log").start)
        say(step="starting the servers")
        self._gather(dynamodb=database, moto=moto)
        aws = Aws(self.servers["moto"].url, self.servers["dynamodb"].url)
        say(step="creating the foundation: table, queues, bus, topic")
        foundation.create(aws, STAGE)
        say(step="deploying the functions")
        deploy(aws, CHECKOUT, STAGE)
        say(step=triggers.put_again(aws, STAGE))
        say(step="waiting for Elasticsearch")
        if search.result():
            self._gather(elasticsearch=search)
        return aws

    def watch(self) -> None:
        """Returns when a server has ended without which nothing works."""
        gone: set[str] = set()
        while True:
            time.sleep(0.5)
            for name, server in list(self.servers.items()):
                if name not in gone and not server.is_alive():
                    gone.add(name)
                    LOG.error("%s has ended by itself; its log: %s", name, server.log)
                    if name in VITAL:
                        return
            if "elasticsearch" in gone and self._revive():
                gone.remove("elasticsearch")

    def _revive(self) -> bool:
        """False: not yet, or not this time."""
        state = stagefile.load(self.folder)
        if state is None or time.monotonic() - self._booted < LIVED:
            return False
        self._booted = time.monotonic()
        try:
            server = self._start_elasticsearch()
        except CannotStart as error:
            LOG.error("Elasticsearch does not come back: %s", error)
            return False
        if server:
            self.servers["elasticsearch"] = server
            state["children"]["elasticsearch"] = server.identity.to_json()
            stagefile.store(self.folder, state)
        return True

    def stop(self) -> None:
        """Safe at any point of `start`."""
        if self.runtime:
            self.runtime.stop()
        self.journal.end_all(but=os.getpid())
        stagefile.remove(self.folder)

    def _clear(self) -> None:
        left = self.journal.end_all(but=os.getpid())
        if left:
            say(step=f"ended what an earlier stage had left running: {', '.join(left)}")
        stagefile.remove(self.folder)
        self.journal.add("supervisor", processes.identity_of(os.getpid()))
        processes.LISTENERS.append(self._note)
        if self.fresh:
            say(step="wiping the table, Elasticsearch's data and its backups")
            shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(exist_ok=True)

    def _install(self) -> None:
        """What has to be downloaded or unpacked the first time, one after the other: they share a cache."""
        say(step="checking Java, DynamoDB Local, Elasticsearch, Python packages")
        java_home(self.places)
        dynamodb.installed(self.places, progress=_Bytes())
        if not own_elasticsearch():
            elasticsearch.installed(self.places, self.version, progress=_Bytes())
        vendor.fill(CHECKOUT)
        provided.folder()

    def _start_elasticsearch(self) -> Server | None:
        if own := own_elasticsearch():
            require_answer(own)
            return None
        root, noted = self.root / f"elasticsearch-{self.version}", self.root / "elasticsearch.port"
        server = Elasticsearch(self.places, self.version, root, port=_port_of_before(noted)).start()
        noted.write_text(str(server.port))
        return server

    def _gather(self, **started: "Future[Any]") -> None:
        for name, future in started.items():
            self.servers[name] = future.result()

    def _note(self, identity: Identity, log: Path) -> None:
        """Named after the folder of its log, so that a name says what it is: dynamodb, elasticsearch-8.19.2, moto."""
        name = log.stem if log.parent == self.folder / "logs" else log.parent.name
        self.journal.add(name, identity)
        link = self.folder / "logs" / f"{name}.log"
        if link != log:
            link.unlink(missing_ok=True)
            link.symlink_to(log)

    def _state(self, aws: Aws, invoke_url: str) -> dict[str, Any]:
        search = self.servers.get("elasticsearch")
        repositories = search.repositories if search else None
        identities = {name: server.identity for name, server in self.servers.items()}
        identities["supervisor"] = processes.identity_of(os.getpid())
        return {
            "stage": STAGE,
            "region": aws.region,
            "account": aws.account,
            "endpoint_url": aws.endpoint_url,
            "dynamodb_endpoint_url": aws.dynamodb_endpoint_url,
            "invoke_endpoint_url": invoke_url,
            "elasticsearch": {
                "url": search.url if search else own_elasticsearch(),
                "version": self.version if search else None,
                "repo_dir": str(repositories) if repositories else None,
            },
            "children": {name: identity.to_json() for name, identity in identities.items()},
            "logs": str(self.folder / "logs"),
        }


class _Bytes:
    """Progress of downloads, a line for each tenth."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        text = f"downloading {what}: {10 * done // max(1, total) * 10} % of {total / 1e6:.0f} MB"
        if text != self._said:
            self._said = text
            say(step=text)


def _port_of_before(noted: Path) -> int | None:
    """The address of Elasticsearch stands in files that were applied: it stays the same over a restart, if it can."""
    with suppress(FileNotFoundError, ValueError):
        port = int(noted.read_text())
        return port if processes.is_port_free(port) else None
    return None


def own_elasticsearch() -> str | None:
    return os.environ.get("SNAPWARDEN_ES_URL") or None


def require_answer(url: str) -> None:
    """Whoever names a server of their own wants to know now that it isn't there. What it answers is its own affair."""
    if not url.startswith(("http://", "https://")) or get(f"{url.rstrip('/')}/_cluster/health") is None:
        raise CannotStart(
            f"SNAPWARDEN_ES_URL: {url} does not answer. Name an Elasticsearch like http://127.0.0.1:9200."
        )


def say(**line: Any) -> None:
    """To `up`, as long as it listens; when it is gone before we are ready, we go too (BrokenPipeError)."""
    LOG.info("%s", json.dumps(line)[:300])
    print(json.dumps(line), flush=True)


def main(order: str) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    asked = json.loads(order)
    folder = Path(asked["folder"])
    try:
        with stage.lock(folder):
            return run(Supervisor(folder, asked["version"], asked["fresh"]))
    except Timeout:
        say(failed="The local stage runs already. `snapwarden down` stops it.")
        return 1
    except CannotStart as error:
        say(failed=str(error))
        return 1


def run(supervisor: Supervisor) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _raise_stop)
    code = 0
    try:
        say(ready=supervisor.start())
        _leave_stdout()
        supervisor.watch()
        code = 1
    except Stop:
        LOG.info("stopping")
    except CannotStart as error:
        code = 1
        with suppress(BrokenPipeError):
            say(failed=str(error))
    except BrokenPipeError:
        code = 1
    except Exception as error:
        code = 1
        LOG.exception("the local stage cannot start")
        with suppress(BrokenPipeError):
            say(failed=f"{type(error).__name__}: {error}")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
    return code


def _raise_stop(number: int, frame: FrameType | None) -> None:
    raise Stop


def _leave_stdout() -> None:
    """`up` ends now and its terminal with it."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

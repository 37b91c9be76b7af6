"""Puts the parts together: what is deployed decides which functions, pollers and schedules there are."""

from dataclasses import dataclass
from pathlib import Path

from infra.local import provided
from infra.local.aws import Aws
from infra.local.runtime.events import Asynchronous
from infra.local.runtime.functions import deployed
from infra.local.runtime.http import InvokeApi
from infra.local.runtime.poller import Poller, mappings
from infra.local.runtime.pool import Environment, Pool
from infra.local.runtime.schedule import Player, rules


@dataclass(frozen=True, slots=True)
class Settings:
    """`project` was deployed onto `aws`; `work` gets unpacked zips, `logs` a `<function>.log` each.

    `libraries` is what Lambda's Python brings (None: made from the development lock). `init_timeout` is generous where
    Lambda gives 10 s, because a laptop under load is slower than Lambda. `schedules`: play `rate()` rules.
    """

    aws: Aws
    project: Path
    work: Path
    logs: Path
    port: int = 0
    libraries: Path | None = None
    backoff: tuple[float, ...] = (60.0, 120.0)
    concurrency: int = 10
    init_timeout: float = 30.0
    schedules: bool = True


class Runtime:
    """Reads what is deployed in `start`; after another deploy, make a new one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools: dict[str, Pool] = {}
        self._asynchronous = Asynchronous(settings.aws, self._pools, settings.backoff)
        self._api = InvokeApi(self._pools, self._asynchronous, settings.port)
        self._pollers: list[Poller] = []
        self._players: list[Player] = []

    @property
    def url(self) -> str:
        """Of the Invoke API."""
        return self._api.url

    @property
    def functions(self) -> tuple[str, ...]:
        return tuple(sorted(self._pools))

    def start(self) -> None:
        """Returns when calls are answered, queues are polled and schedules run."""
        settings, environment = self._settings, self._environment()
        for function in deployed(settings.aws, settings.project, settings.work, settings.concurrency):
            self._pools[function.name] = Pool(function, environment)
        self._pollers = [
            Poller(settings.aws, mapped, self._pools[mapped.function])
            for mapped in mappings(settings.aws)
            if mapped.function in self._pools
        ]
        if settings.schedules:
            self._players = [Player(settings.aws, rule, self._asynchronous.submit) for rule in rules(settings.aws)]
        self._api.start()
        for poller in self._pollers:
            poller.start()
        for player in self._players:
            player.start()

    def stop(self) -> None:
        """Nothing new is begun, what runs is killed: as on Lambda, the next one carries on."""
        for player in self._players:
            player.stop()
        for poller in self._pollers:
            poller.stop()
        self._asynchronous.stop()
        self._api.stop()
        for pool in self._pools.values():
            pool.close()
        for poller in self._pollers:
            poller.join(3.0)

    def _environment(self) -> Environment:
        aws = self._settings.aws
        return Environment(
            libraries=self._settings.libraries or provided.folder(),
            logs=self._settings.logs,
            aws={**aws.environ(), "AWS_ENDPOINT_URL_LAMBDA": self._api.url},
            init_timeout=self._settings.init_timeout,
        )

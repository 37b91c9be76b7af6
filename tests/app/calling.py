"""What the command line has, beside a product that is really deployed: it asks for runs and reads rows; the deployed
functions do the rest."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chalicelib.core.model import Run
from chalicelib.core.plans import Wish
from chalicelib.notify.queue import WorkQueue
from chalicelib.service import drills, request, restores
from chalicelib.service.world import World
from chalicelib.store.dynamo import DynamoStore
from tests.app.deployed import PREFIX, STAGE, Deployed
from tests.fakes.bus import FakeBus
from tests.fakes.metrics import FakeMetrics
from tests.fakes.notifier import FakeNotifier
from tests.fakes.vault import FakeVault


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def token() -> str:
    return uuid4().hex[:16]


def caller(product: Deployed) -> World:
    aws = product.aws
    return World(
        stage=STAGE,
        store=DynamoStore(f"snapwarden-{STAGE}", region=aws.region, host=aws.dynamodb_endpoint_url, token=token),
        queue=WorkQueue(aws.client("sqs"), f"{PREFIX}work"),
        bus=FakeBus(),
        notifier=FakeNotifier(),
        metrics=FakeMetrics(),
        vault=FakeVault(),
        clock=SystemClock(),
        engine=lambda spec: pytest.fail("only the functions ask the engine"),
        token=token,
    )


def proved(product: Deployed, policy: str) -> list[Run]:
    """A backup of the policy, a drill of it and a restore beside the live data, one after the other, each settled; the
    last one is how far it came."""
    world = caller(product)
    chapters: list[Callable[[], Run]] = [
        lambda: request.backup_now(world, policy, request_id="first", requested_by="tester"),
        lambda: drills.request(world, policy, request_id="first", by="tester"),
        lambda: restores.request(world, Wish(policy=policy), request_id="first", by="tester"),
    ]
    runs: list[Run] = []
    for begin in chapters:
        runs.append(_settled(world, begin()))
        if not runs[-1].good:
            break
    return runs


def _settled(world: World, run: Run) -> Run:
    deadline = time.monotonic() + 60
    while not run.settled:
        assert time.monotonic() < deadline, run
        time.sleep(0.1)
        run = world.store.run(run.run_id) or run
    return run

"""Least privilege, proved by playing: every function runs from the deployed zip behind a gate that lets through what
its role allows and notes it. What is used is exactly what is allowed.
"""

import base64
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.core.config import load
from chalicelib.core.model import Run, State
from chalicelib.core.ports import Update
from chalicelib.service import apply as applying
from chalicelib.store.dynamo import DynamoStore
from infra.local.paths import CHECKOUT
from infra.local.runtime.poller import Poller, mappings
from infra.local.servers import Server
from tests.app.calling import proved
from tests.app.deployed import PREFIX, STAGE, Deployed
from tests.app.gate import Use, grants
from tests.app.played import API_KEY, CHECKS, FILE, FOREIGN, PASSWORD, SECRETS
from tests.elastic_admin import Admin
from tests.fakes.clock import FakeClock
from tests.replay import PRODUCT, Replay, Reply

pytestmark = pytest.mark.live

FUNCTIONS = ("dead_letters", "events", "tick", "work")
ENTITLED = {
    "tick": {"dynamodb", "sqs", "sns", "events", "logs"},
    "work": {"dynamodb", "s3", "sqs", "sns", "events", "secretsmanager", "logs"},
    "events": {"dynamodb", "sqs", "sns", "events", "logs"},
    "dead_letters": {"sqs", "sns", "logs"},
}
"""The table of docs/architecture.md in one line each: who talks to whom."""
NOT_OUR_CODE = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "logs:CreateLogStream"}
NOT_OUR_CODE |= {"logs:PutLogEvents"}
"""Lambda itself does these with the function's role: it polls the queue and writes logs."""

ENDING = ("nightly", "typo", "loud", "echo", "foreign", "untagged", "garbled", "asked")
"""All but `silent`, which waits for an answer."""
TODAY = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
FIRST_SLOT = TODAY if datetime.now(UTC) < TODAY else TODAY + timedelta(days=1)


@dataclass(frozen=True)
class Story:
    product: Deployed
    store: DynamoStore
    proved: list[Run]

    def run(self, policy: str) -> Run:
        """Its newest."""
        found = self.store.runs(policy=policy, limit=1)
        assert found, f"nothing runs of {policy}"
        return found[0]

    def refused(self, name: str) -> set[Use]:
        """Beside the secrets that it shall not read."""
        foreign = {Use("secretsmanager:GetSecretValue", f"secretsmanager:secret:{of}") for of in FOREIGN}
        return self.product.gates[name].refused - foreign

    def unsettled(self) -> dict[str, str]:
        """What the end of the story is waited for."""
        if not self.store.runs(policy="asked", limit=1):
            return {"asked": "the event has not arrived yet"}
        runs = {policy: self.run(policy) for policy in ENDING}
        waiting = {
            policy: f"{run.state} {run.last_error}" for policy, run in runs.items() if not (run.settled and run.told)
        }
        return waiting if self.run("silent").last_error else {**waiting, "silent": "not looked at yet"}


@pytest.fixture(scope="module")
def story(product: Deployed, elasticsearch: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Everything that the functions do: runs that succeed, fail and get no answer, slots that were missed, lost
    messages, a run that waits for another one, a promise that breaks, a dead letter. Played once."""
    index = f"surface-{uuid4().hex[:8]}"
    admin = Admin(elasticsearch.url)
    admin.create_index(index, documents=3)
    store = DynamoStore(
        f"snapwarden-{STAGE}",
        region=product.aws.region,
        host=product.aws.dynamodb_endpoint_url,
        token=lambda: uuid4().hex,
    )
    with ExitStack() as stack:
        loud = stack.enter_context(Replay([_rejected(f"ApiKey {API_KEY}")] * 20))
        echo = stack.enter_context(Replay([_rejected(f"Basic {_basic()}")] * 20))
        file = FILE.format(
            url=elasticsearch.url, loud=loud.url, echo=echo.url, location=index, index=index, checks=CHECKS
        )
        _play(product, store, file, stack)
        story = Story(product, store, proved(product, "drilled"))
        admin.send("DELETE", f"/restored-{index}", ok=(200, 404))
        deadline = time.monotonic() + 60
        while (left := story.unsettled()) and not story.refused("work"):  # a refusal is told by a test, by name
            assert time.monotonic() < deadline, left
            time.sleep(0.2)
        assert (typo := store.state("typo"))  # its hour has passed: only the clock breaks promises
        assert store.commit(Update(replace(typo, breach_at=typo.since, rev=typo.rev + 1, token=uuid4().hex)))
        product.tick(_slot(4))  # sent early, as if three days had passed: slots were missed
        product.deliver("work", json.dumps({"shard": 0, "now": _slot(4)}))
        product.deliver("dead_letters", '{"run_id": "backup:nightly:x", "rev": 1}')
        yield story


def _play(product: Deployed, store: DynamoStore, file: str, stack: ExitStack) -> None:
    secrets = product.aws.client("secretsmanager")
    for name, (text, stage) in SECRETS.items():
        tags = [{"Key": "snapwarden:stage", "Value": stage}] if stage else []
        secrets.create_secret(Name=name, SecretString=text, Tags=tags)
    clock = FakeClock(datetime.now(UTC))
    applying.apply(load(file.encode(), "snapwarden.yaml"), store, clock, "tester", new_token=lambda: uuid4().hex)
    with ThreadPoolExecutor(2) as both:  # their cold starts together
        list(both.map(product.tick, [_slot(1), _slot(1)]))
    for mapped in mappings(product.aws):
        poller = Poller(product.aws, mapped, product.pools[mapped.function.removeprefix(PREFIX)])
        poller.start()
        stack.callback(poller.join, 3)
        stack.callback(poller.stop)
    _ask(product, "Backup Requested", policy="asked", request_id="before-release-7")
    _ask(product, "Restore Requested", policy="asked")


def _ask(product: Deployed, what: str, **detail: str) -> None:
    """The backup becomes a run; the restore is refused, because there is no backup yet, and that is told."""
    entry = {"EventBusName": f"snapwarden-{STAGE}", "Source": "ci", "DetailType": what, "Detail": json.dumps(detail)}
    assert product.aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def _slot(number: int) -> str:
    """The first one to come, and those of the days after it."""
    return f"{FIRST_SLOT + timedelta(days=number - 1):%Y-%m-%dT%H:%M:%SZ}"


def _rejected(header: str) -> Reply:
    """An Elasticsearch whose error repeats what it was sent."""
    error = {"type": "security_exception", "reason": f"rejected [{header}]", "root_cause": []}
    return Reply(status=401, body={"error": error, "status": 401}, headers=PRODUCT)


def test_the_story_went_as_it_was_meant(story: Story) -> None:
    first = {policy: story.store.runs(policy=policy, limit=9)[-1] for policy in ("nightly", "typo", "loud", "silent")}
    assert first["nightly"].state is State.SUCCEEDED, first["nightly"]
    assert first["typo"].state is State.FAILED
    assert first["loud"].state is State.FAILED
    assert first["silent"].state is State.STARTING
    assert story.run("nightly").state in (State.STARTING, State.RUNNING, State.VERIFYING, State.SUCCEEDED)
    assert story.store.runs(policy="typo", state="MISSED"), "two slots were missed"


def test_a_backup_was_drilled_and_restored_by_the_deployed_functions(story: Story) -> None:
    assert [(run.kind, run.good, run.reason) for run in story.proved] == [
        ("backup", True, None),
        ("drill", True, None),
        ("restore", True, None),
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_refused_nothing_but_the_secrets_of_others(story: Story, name: str) -> None:
    assert story.refused(name) == set()
    assert len(story.product.gates[name].refused) == (len(FOREIGN) if name == "work" else 0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_uses_all_that_it_may(story: Story, name: str) -> None:
    """A permission that nothing of the story needs is one too many, or the story lacks a chapter."""
    gate = story.product.gates[name]

    idle = [
        f"{grant.action} on {grant.resource}"
        for grant in gate.allowed
        if grant.action not in NOT_OUR_CODE
        and not any(grant.covers(use, {"snapwarden:stage": STAGE}) for use in gate.used)
    ]

    assert idle == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_talks_to_no_other_service(product: Deployed, name: str) -> None:
    assert {grant.action.partition(":")[0] for grant in grants(product.policies[name])} == ENTITLED[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_role_says_what_the_file_says(product: Deployed, name: str) -> None:
    config = json.loads((CHECKOUT / ".chalice" / "config.json").read_text())["stages"][STAGE]["lambda_functions"]
    file = config[name]["iam_policy_file"]

    assert file == f"policy-{STAGE}-{name}.json", "each function has its own"
    assert product.policies[name] == json.loads((CHECKOUT / ".chalice" / file).read_text())


@pytest.mark.parametrize("path", sorted((CHECKOUT / ".chalice").glob("policy-*.json")), ids=lambda path: str(path.stem))
def test_stars_stand_only_where_nothing_else_can(path: Path) -> None:
    """Region and account are open, because a committed file doesn't know them, and a role reaches no other account
    without that one's consent. What follows the name of a log group is its streams, which Lambda names.

    Of the bucket, whose name ends in the account that the role belongs to, what follows is one of two folders.

    Which secrets there are is up to the targets of the configuration, and AWS adds six random characters to each name:
    so any, if it carries the tag of this stage.
    """
    for grant in grants(json.loads(path.read_text())):
        assert "*" not in grant.action
        service, _, name = grant.resource.partition(":")
        if service == "secretsmanager":
            assert (name, grant.tags) == ("secret:*", {"snapwarden:stage": STAGE})
            continue
        bare = name.removesuffix({"logs": ":*", "s3": "/*"}.get(service, ""))
        assert "*" not in bare, grant
        assert f"snapwarden-{STAGE}" in bare, grant


def test_a_secret_of_another_stage_cannot_be_read(story: Story) -> None:
    for policy in ("foreign", "untagged"):
        assert not story.store.runs(policy=policy, state="SUCCEEDED")
        failed = story.store.runs(policy=policy, state="FAILED")
        assert failed
        assert all("AccessDenied" in str(run.reason) for run in failed)


def test_no_secret_is_told_or_kept(story: Story) -> None:
    """Targets with a secret failed in every way: refused with an answer that repeats it, silent, forbidden, not JSON.
    Neither logs, nor rows, nor what people and the bus get hold any of it."""
    aws = story.product.aws
    rows = [
        item
        for page in aws.client("dynamodb").get_paginator("scan").paginate(TableName=f"snapwarden-{STAGE}")
        for item in page["Items"]
    ]
    everything = {"rows": repr(rows), "mailbox": _mailbox(aws)}
    everything |= {f"log of {name}": story.product.log(name) for name in FUNCTIONS}

    assert "engine.refused" in everything["mailbox"]
    assert "rejected [ApiKey ***]" in everything["mailbox"]
    for place, text in everything.items():
        for hidden in (PASSWORD, API_KEY, API_KEY[:16], _basic()):
            assert hidden not in text, f"{place}: …{text[max(0, text.index(hidden) - 300) :][:600]}"


def test_what_is_logged_is_json_with_the_request(story: Story) -> None:
    """The rooms' own loggers too, not just what app.py itself would log."""
    lines = [json.loads(line) for line in story.product.log("dead_letters").splitlines() if line.startswith("{")]
    (letter,) = [line for line in lines if line.get("message") == "a message failed too often"]

    assert letter["service"] == "snapwarden"
    assert letter["level"] == "ERROR"
    assert letter["function_request_id"]
    assert letter["location"].startswith("bury:")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_logged_past_the_logger(story: Story, name: str) -> None:
    """Every line is one of Lambda's own, or JSON: of the logger or a metric. Warnings of the Elasticsearch client (a
    node that failed, by its address) come in Lambda's format, with the request."""
    known = re.compile(r"\{|START |END |REPORT |INIT_REPORT |\[WARNING\]\t\S+Z\t[0-9a-f-]{36}\tNode <")
    other = [line for line in story.product.log(name).splitlines() if not known.match(line)]

    assert other == []


def _basic() -> str:
    return base64.b64encode(f"elastic:{PASSWORD}".encode()).decode()


def _mailbox(aws: Any) -> str:
    sqs, found = aws.client("sqs"), []
    for name in ("inbox-reports", "inbox-events"):
        url = sqs.get_queue_url(QueueName=f"{PREFIX}{name}")["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [message["Body"] for message in messages]
    return "\n".join(found)

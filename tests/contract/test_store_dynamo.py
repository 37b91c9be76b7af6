"""What only the store in DynamoDB can get wrong: lost answers, errors of the service, rows of other releases."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ReadTimeoutError

from chalicelib.core.errors import Contended, Refused, Retryable
from chalicelib.core.model import Run
from chalicelib.core.ports import Check, Create, Delete, Update
from chalicelib.core.wire import dump
from chalicelib.store.dynamo import DynamoStore
from tests.contract.policy_records import a_broken_state, a_state
from tests.contract.records import (
    a_backup,
    a_config,
    a_lease,
    a_run,
    a_spec,
    a_waiter,
    an_installation,
    at,
    fresh_token,
    moved,
    some_evidence,
    some_slots,
)
from tests.tables import REGION, new_store

pytestmark = pytest.mark.live


def client_of(store: DynamoStore) -> Any:
    return store._table.connection().client


def lose_answer(store: DynamoStore, operation: str, meanwhile: Callable[[], object] = lambda: None) -> list[int]:
    """The first answer of the operation is lost: botocore sends the request again. Returns where sends are counted."""
    sends: list[int] = []

    def lose(attempts: int, **_: object) -> int | None:
        sends.append(attempts)
        if len(sends) == 1:
            meanwhile()
            return 0
        return None

    client_of(store).meta.events.register_first(f"needs-retry.dynamodb.{operation}", lose)
    return sends


def answer(store: DynamoStore, status: int, body: object) -> list[str]:
    """From now on the service answers this. Returns where requests are counted."""
    requests: list[str] = []

    def respond(request: Any, **_: object) -> AWSResponse:
        requests.append(request.headers["X-Amz-Target"].decode())
        text = body if isinstance(body, str) else json.dumps(body)
        raw = BytesIO(text.encode())
        raw.stream = lambda **_: iter([raw.getvalue()])  # type: ignore[attr-defined]
        headers: Any = HeadersDict({"Content-Type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, status, headers, raw)

    client_of(store).meta.events.register_first("before-send.dynamodb", respond)
    return requests


def error(code: str, **more: object) -> dict[str, object]:
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "said the test", **more}


def cancelled(*codes: str) -> dict[str, object]:
    return error("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def test_a_lost_answer_of_a_single_write_is_known(dynamo: DynamoStore) -> None:
    run = a_run()
    assert dynamo.commit(Create(run))
    sends = lose_answer(dynamo, "PutItem")
    assert dynamo.commit(Update(moved(run)))
    assert len(sends) == 2
    assert dynamo.commit(Create(a_spec()))
    assert (dynamo.reads, dynamo.writes) == (1, 3)


@pytest.mark.parametrize("item", [a_spec(), an_installation(), some_evidence(3), replace(a_state(), token="")])
def test_a_lost_answer_is_known_without_a_token_of_the_caller(dynamo: DynamoStore, item: Any) -> None:
    sends = lose_answer(dynamo, "PutItem")
    assert dynamo.commit(Create(item))
    assert len(sends) == 2
    assert not dynamo.commit(Create(item))


def test_a_lost_answer_of_a_transaction_is_known(dynamo: DynamoStore) -> None:
    run, state = a_run(), a_state()
    sends = lose_answer(dynamo, "TransactWriteItems")
    assert dynamo.commit(Create(run), Create(state), Create(a_spec()), Create(some_evidence(3)))
    assert len(sends) == 2
    assert dynamo.state("nightly") == state


def test_a_lost_answer_of_a_transaction_with_delete_and_check_is_known(dynamo: DynamoStore) -> None:
    run, lease, waiter = a_run(), a_lease(), a_waiter()
    assert dynamo.commit(Create(run), Create(lease), Create(waiter))
    sends = lose_answer(dynamo, "TransactWriteItems")
    assert dynamo.commit(Update(moved(run)), Delete(waiter), Check(lease))
    assert len(sends) == 2
    assert dynamo.waiters("shop", 10) == ()


@pytest.mark.parametrize("fence_moved", [False, True])
def test_a_transaction_that_was_sent_as_another_request_is_known_by_its_rows(
    dynamo: DynamoStore, dynamodb_url: str, fence_moved: bool
) -> None:
    """A message that is delivered again makes the same commit in another function, after the service has forgotten the
    token of the first request; and the lease may have changed hands since."""
    run, lease, waiter = a_run(), a_lease(), a_waiter()
    assert dynamo.commit(Create(run), Create(lease), Create(waiter))
    changes = (Update(moved(run)), Create(a_state()), Delete(waiter), Check(lease))
    assert dynamo.commit(*changes)
    if fence_moved:
        assert dynamo.commit(Update(replace(lease, rev=2, holder="x", token=fresh_token())))
    assert new_store(dynamodb_url, client_table(dynamo)).commit(*changes)


@pytest.mark.parametrize(
    ("codes", "contended"),
    [
        (["TransactionConflict", "None", "None"], True),
        (["ThrottlingError", "None", "TransactionConflict"], True),
        (["ThrottlingError", "None", "None"], False),
    ],
)
def test_others_in_the_way_are_contended_and_nothing_else_is(
    dynamo: DynamoStore, codes: list[str], contended: bool
) -> None:
    """Nothing was stored, so whoever asked reads again and tries again at once; after a throttling alone he waits."""
    requests = answer(dynamo, 400, cancelled(*codes))
    with pytest.raises(Retryable) as put_off:
        dynamo.commit(Update(moved(a_run())), Delete(a_waiter()), Check(a_lease()))
    assert isinstance(put_off.value, Contended) == contended
    assert len(requests) == 1


@pytest.mark.parametrize("codes", ["CNT", "TCN", "NTC"])
def test_a_condition_that_did_not_hold_beside_a_conflict_is_a_loss(dynamo: DynamoStore, codes: str) -> None:
    words = {"C": "ConditionalCheckFailed", "T": "TransactionConflict", "N": "None"}
    answer(dynamo, 400, cancelled(*(words[code] for code in codes)))
    assert not dynamo.commit(Update(moved(a_run())), Delete(a_waiter()), Check(a_lease()))


def test_a_lost_answer_before_somebody_elses_write_is_a_loss(dynamo: DynamoStore, dynamodb_url: str) -> None:
    run = a_run()
    assert dynamo.commit(Create(run))
    ours = moved(run)
    other = new_store(dynamodb_url, client_table(dynamo))
    lose_answer(dynamo, "PutItem", meanwhile=lambda: other.commit(Update(moved(ours, looks=9))))
    assert not dynamo.commit(Update(ours))


def client_table(store: DynamoStore) -> str:
    return str(store._table.item.Meta.table_name)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, error("InternalServerError")),
        (503, "<html>unavailable</html>"),
        (404, "<html>a proxy that knows no such page</html>"),
        (400, error("ThrottlingException")),
        (400, error("ProvisionedThroughputExceededException")),
        (400, error("TransactionInProgressException")),
        (400, error("TransactionConflictException")),
        (400, cancelled("None", "TransactionConflict")),
        (400, cancelled("ThrottlingError", "None")),
        (200, "<html>welcome to the hotel</html>"),
        (200, "{}"),
        (200, ""),
    ],
)
def test_an_answer_that_says_nothing_is_retryable(dynamo: DynamoStore, status: int, body: object) -> None:
    assert dynamo.commit(Create(a_run()))
    requests = answer(dynamo, status, body)
    calls: list[Callable[[], object]] = [
        lambda: dynamo.commit(Create(a_run(1))),
        lambda: dynamo.commit(Create(a_state())),
        lambda: dynamo.run(a_run().run_id),
        lambda: dynamo.runs(),
    ]
    for call in calls if status == 200 else calls[:1]:
        with pytest.raises(Retryable):
            call()
    assert 1 <= len(requests) <= 4


@pytest.mark.parametrize(
    "body", [error("AccessDeniedException"), error("ValidationException"), cancelled("ValidationError", "None")]
)
def test_a_no_is_refused(dynamo: DynamoStore, body: object) -> None:
    requests = answer(dynamo, 400, body)
    with pytest.raises(Refused, match=r"DynamoDB refused"):
        dynamo.commit(Create(a_run(1)))
    assert len(requests) == 1


def test_a_table_that_is_not_there_is_refused(dynamo: DynamoStore, dynamodb_url: str) -> None:
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        new_store(dynamodb_url, "nowhere").run("backup:nightly:x")


def test_no_server_is_retryable(dynamo: DynamoStore) -> None:
    nobody = DynamoStore("nowhere", region=REGION, host="http://127.0.0.1:9", token=fresh_token)
    with pytest.raises(Retryable, match=r"127\.0\.0\.1"):
        nobody.run("backup:nightly:x")
    assert nobody.reads == 1


def test_a_timeout_is_retryable(dynamo: DynamoStore) -> None:
    def hang(request: Any, **_: object) -> None:
        raise ReadTimeoutError(endpoint_url=request.url)

    client_of(dynamo).meta.events.register_first("before-send.dynamodb", hang)
    for call in (partial(dynamo.commit, Create(a_state())), partial(dynamo.run, "backup:nightly:x")):
        with pytest.raises(Retryable, match="timeout"):
            call()


def test_a_step_cannot_hang(dynamo: DynamoStore) -> None:
    config = client_of(dynamo).meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.retries == {"total_max_attempts": 3, "mode": "standard"}


def test_the_keys_of_the_table(dynamo: DynamoStore) -> None:
    run, evidence = a_run(wake_at=at(5)), some_evidence(30_000, n=2)
    records = (run, a_state(), a_spec(), a_backup(), a_config(), an_installation(), evidence)
    traffic = (a_lease(), some_slots(), a_waiter(), a_broken_state("hourly", due_at=None, muted=None))
    assert dynamo.commit(*(Create(record) for record in records), *(Create(record) for record in traffic))
    rows = client_of(dynamo).scan(TableName=client_table(dynamo), ReturnConsumedCapacity="TOTAL")["Items"]
    places = sorted(
        " | ".join(row[name]["S"] for name in ("pk", "sk", "due_pk", "due_at") if name in row) for row in rows
    )
    assert places == [
        "CFG | INSTALL",
        "CFG | META",
        "F#5 | P#hourly | POL#5 | 2026-11-22T12:00:00.000Z#hourly",
        "F#6 | P#nightly | POL#6 | 2026-11-21T12:01:00.000Z#nightly",
        "L#0f5c#a1b2 | LEASE",
        "P#nightly | B#2026-11-21T12:00:00.000Z#nightly-00000",
        "P#nightly | SPEC#00000003",
        "R#backup:nightly:now-00000 | META | RUN#13 | 2026-11-21T12:00:05.000Z#backup:nightly:now-00000",
        "R#backup:nightly:now-00000 | X#expected#0002",
        *(f"R#backup:nightly:now-00000 | X#expected#0002#0{part}" for part in (1, 2)),
        "RUNS#1 | 2026-11-21T12:00:00.000Z#backup:nightly:now-00000",
        "T#shop | SLOTS",
        "T#shop | W#1#2026-11-22T14:00:00.000Z#2026-11-21T12:00:00.000Z#backup:nightly:now-00000",
    ]
    broken = next(row for row in rows if row["sk"]["S"] == "P#hourly")
    assert (broken["h_pk"]["S"], broken["h_sk"]["S"]) == ("BROKEN#1", "2026-11-21T11:00:00.000Z#hourly")
    meta = next(row for row in rows if row["sk"]["S"] == "META" and "h_pk" in row)
    assert meta["h_pk"]["S"] == "P#nightly"
    assert meta["h_sk"]["S"] == "2026-11-21T12:00:00.000Z#backup:nightly:now-00000"
    assert (meta["kind"]["S"], meta["state"]["S"], meta["spec_gen"]["N"]) == ("backup", "RUNNING", "3")


def test_rows_of_other_releases(dynamo: DynamoStore) -> None:
    run = a_run()
    body = json.loads(dump(run))
    client, table = client_of(dynamo), client_table(dynamo)

    def put(changes: dict[str, object]) -> None:
        item = {
            "pk": {"S": f"R#{run.run_id}"},
            "sk": {"S": "META"},
            "rev": {"N": "1"},
            "shoe_size": {"N": "43"},
            "body": {"S": json.dumps({**body, **changes})},
        }
        client.put_item(TableName=table, Item=item, ReturnConsumedCapacity="TOTAL")

    put({"shoe_size": 43})
    assert dynamo.run(run.run_id) == run
    del body["findings"], body["told"]
    put({})
    assert dynamo.run(run.run_id) == run
    second: Run = moved(run)
    assert dynamo.commit(Update(second))
    put({"state": "DREAMING"})
    with pytest.raises(Refused, match="R#backup:nightly:now-00000 META cannot be read by this release"):
        dynamo.run(run.run_id)

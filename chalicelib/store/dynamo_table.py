"""One DynamoDB table through pynamodb: items, requests, counts, and the translation of what AWS answers.

botocore may send a request again (twice at most) when no answer came: writes carry a token that makes that harmless.
One request takes at most (2 s to connect + 5 s to answer) × 3 and under 3 s of waiting in between, 24 s in all, so
that a step of a function ends before the function does.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import CancellationReason, PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.core.errors import Contended, Refused, Retryable
from chalicelib.store.keys import Key

CONNECT_TIMEOUT = 2
READ_TIMEOUT = 5
RETRIES = 2

NOT_NOW = frozenset(
    [
        *("InternalServerError", "InternalFailure", "LimitExceededException", "ProvisionedThroughputExceededException"),
        *("RequestLimitExceeded", "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "ThrottlingError"),
        *("ThrottlingException", "TransactionConflict", "TransactionConflictException"),
        *("TransactionInProgressException", "ProvisionedThroughputExceeded"),
    ]
)
CONFLICTS = frozenset({"TransactionConflict", "TransactionConflictException"})
READS = frozenset({"GetItem", "BatchGetItem", "Query"})
LOST = frozenset({"ConditionalCheckFailedException", "ConditionalCheckFailed"})


class Found(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]  # pynamodb's own __init_subclass__
    """Runs and policies by the instant when they are due."""

    class Meta:
        index_name = "due"
        projection = IncludeProjection(["rev"])

    due_pk = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class History(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Runs of a policy by the instant when they were made."""

    class Meta:
        index_name = "history"
        projection = IncludeProjection(["state", "kind", "level", "reason"])

    h_pk = UnicodeAttribute(hash_key=True)
    h_sk = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)


class Item(Model):
    """A row: what conditions and indexes need, and the record as JSON in `body` (evidence: compressed, in `data`)."""

    due = Found()
    history = History()

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    rev = NumberAttribute(null=True)
    token = UnicodeAttribute(null=True)
    body = UnicodeAttribute(null=True)
    data = BinaryAttribute(null=True, legacy_encoding=False)
    parts = NumberAttribute(null=True)
    due_pk = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    h_pk = UnicodeAttribute(null=True)
    h_sk = UnicodeAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    level = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    spec_gen = NumberAttribute(null=True)


@dataclass(frozen=True, slots=True)
class Put:
    """`rev`: the stored revision that it replaces; None: nothing may be there yet."""

    item: Item
    rev: int | None = None

    def condition(self) -> Condition:
        if self.rev is None:
            return Item.pk.does_not_exist()
        before: Condition = (Item.rev == self.rev) & (Item.token != self.item.token)
        return before


@dataclass(frozen=True, slots=True)
class Drop:
    """There or not, it is gone afterwards."""

    item: Item


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is written, but only while this is the stored revision."""

    item: Item
    rev: int


def are_stored(puts: Sequence[Put], rows: Sequence[tuple[float | None, str | None]]) -> bool:
    """The rows under these keys (revision, token), whose conditions did not hold, were written by these very puts:
    the answer was lost."""
    for put, (rev, token) in zip(puts, rows, strict=True):
        if put.rev is not None and (rev, token) == (put.rev, put.item.token):
            raise ValueError(f"the write of {put.item.pk} {put.item.sk} carries the token of the write before it")
    return all(row == (put.item.rev, put.item.token) for put, row in zip(puts, rows, strict=True))


def item_for(table: str, region: str, host: str | None) -> type[Item]:
    """The model of one table. A function, so that nothing is read or connected when modules are imported.

    `host` is an embedded DynamoDB, which takes any credentials: it gets made-up ones, never those of the environment.
    """
    meta = {
        "table_name": table,
        "region": region,
        "host": host,
        "connect_timeout_seconds": CONNECT_TIMEOUT,
        "read_timeout_seconds": READ_TIMEOUT,
        "max_retry_attempts": RETRIES,
    }
    if host is not None:
        meta |= {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return type("BoundItem", (Item,), {"Meta": type("Meta", (), meta)})


class Table:
    """Connects on first use. Every method raises Retryable or Refused, and nothing else that comes from AWS."""

    def __init__(self, item: type[Item]) -> None:
        self.item = item
        self.reads = 0
        self.writes = 0
        self._lock = threading.Lock()
        self._connected: Connection | None = None

    def get(self, key: Key) -> Item | None:
        """Consistent."""
        with self._request():
            try:
                return self.item.get(*key, consistent_read=True)
            except self.item.DoesNotExist:
                return None

    def batch(self, wanted: Sequence[Key]) -> dict[Key, Item]:
        """Consistent; what is not there is left out."""
        with self._request():
            found = self.item.batch_get(list(wanted), consistent_read=True)
            return {Key(item.pk, item.sk): item for item in found}

    def query(self, ask: Callable[[type[Item]], Iterator[Item]]) -> Iterator[Item]:
        """`ask` makes the query; pages are fetched as far as the caller goes."""
        with self._request():
            rows = ask(self.item)
        while True:
            with self._request():
                row = next(rows, None)
            if row is None:
                return
            yield row

    def put(self, put: Put) -> bool:
        """False: the condition did not hold, and not because this very put is already stored."""
        try:
            with self._request():
                put.item.save(condition=put.condition())
        except _Lost:
            stored = self.get(Key(put.item.pk, put.item.sk))
            return are_stored([put], [(stored.rev, stored.token) if stored else (None, None)])
        return True

    def put_all(self, changes: Sequence[Put | Drop | Hold], token: str) -> bool:
        """All or none. With `token` the service answers a repeated request like the first one (for ten minutes); what
        was stored by another request with the same tokens in its rows is recognized by them."""
        puts = [change for change in changes if isinstance(change, Put)]
        try:
            with (
                self._request() as connection,
                TransactWrite(connection=connection, client_request_token=token) as transaction,
            ):
                for change in changes:
                    match change:
                        case Put():
                            transaction.save(change.item, condition=change.condition(), return_values="ALL_OLD")
                        case Drop():
                            transaction.delete(change.item)
                        case Hold():
                            here = (change.item.pk, change.item.sk)
                            transaction.condition_check(self.item, *here, condition=Item.rev == change.rev)
        except _Lost as lost:
            return are_stored(puts, lost.rows[len(changes) - len(puts) :])  # pynamodb sends puts behind the others
        return True

    @contextmanager
    def _request(self) -> Iterator[Connection]:
        try:
            yield self.connection()
        except PynamoDBException as error:
            raise _meaning(error) from error
        except (BotoCoreError, ClientError, ResponseParserError, _Unreadable) as error:
            raise Retryable(f"no answer from DynamoDB: {error}") from error

    def connection(self) -> Connection:
        with self._lock:
            if self._connected is None:
                # The one private call: pynamodb has no other way to let transactions share the model's client.
                self._connected = self.item._get_connection().connection
                events = self._connected.client.meta.events
                events.register("before-call.dynamodb", self._count)
                events.register("after-call.dynamodb", _check_answer)
            return self._connected

    def _count(self, model: Any, **_: object) -> None:
        with self._lock:
            if model.name in READS:
                self.reads += 1
            else:
                self.writes += 1


class _Unreadable(Exception):
    """Not DynamoDB's answer."""


def _check_answer(http_response: Any, parsed: dict[str, Any], **_: object) -> None:
    """botocore takes any text with status 200 for an answer without fields: the row would not be there. pynamodb asks
    for the consumed capacity every time, so every answer of DynamoDB names it."""
    if http_response.status_code == 200 and "ConsumedCapacity" not in parsed:
        raise _Unreadable("an answer that is not DynamoDB's")


class _Lost(Exception):
    """A condition did not hold. `rows`: revision and token of the rows of a transaction whose conditions did not."""

    def __init__(self, rows: Sequence[tuple[float | None, str | None]] = ()) -> None:
        self.rows = rows
        super().__init__("a condition did not hold")


def _meaning(error: PynamoDBException) -> Exception:
    code = _code(error)
    if code in LOST:
        return _Lost()
    if isinstance(error, TransactWriteError) and code == "TransactionCanceledException":
        return _cancelled(error)
    if code in NOT_NOW or code.isdigit() or _status(error) >= 500:
        return Retryable(f"no answer from DynamoDB: {error.cause or error}")
    return Refused(f"DynamoDB refused: {error.cause or error}")


def _cancelled(error: TransactWriteError) -> Exception:
    reasons = error.cancellation_reasons
    codes = [reason.code for reason in reasons if reason]
    if LOST.intersection(codes):
        return _Lost([_stored(reason) for reason in reasons])
    if CONFLICTS.intersection(codes):
        return Contended("others are writing the same rows")
    if NOT_NOW.intersection(codes):
        return Retryable(f"DynamoDB put the transaction off: {', '.join(codes)}")
    return Refused(f"DynamoDB refused the transaction: {error.cause}")


def _code(error: PynamoDBException) -> str:
    """Of the service's answer; digits when there was none, or none that is DynamoDB's (botocore puts the status there).
    pynamodb's own `cause_response_code` fails on a read timeout, whose `response` is None."""
    answer = getattr(error.cause, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", "0"))


def _status(error: PynamoDBException) -> int:
    """pynamodb keeps the first answer only as the cause of the cause."""
    answer = getattr(getattr(error.cause, "__cause__", None), "response", None) or {}
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _stored(reason: CancellationReason | None) -> tuple[float | None, str | None]:
    row = (reason.raw_item if reason else None) or {}
    return int(row["rev"]["N"]) if "rev" in row else None, row["token"]["S"] if "token" in row else None

"""One DynamoDB table through pynamodb: items, requests, counts. What AWS answers instead: `dynamo_answers.py`.

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
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from chalicelib.core.errors import Retryable
from chalicelib.store.dynamo_answers import Lost, meaning
from chalicelib.store.keys import Key

CONNECT_TIMEOUT = 2
READ_TIMEOUT = 5
RETRIES = 2

READS = frozenset({"GetItem", "BatchGetItem", "Query"})


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
        except Lost:
            stored = self.get(Key(put.item.pk, put.item.sk))
            return are_stored([put], [(stored.rev, stored.token) if stored else (None, None)])
        return True

    def put_all(self, changes: Sequence[Put | Drop | Hold], token: str) -> bool:
        """All or none. With `token` the service answers a repeated request like the first one (for ten minutes); what
        was stored by another request with the same tokens in its rows is recognized by them."""
        from pynamodb.transactions import TransactWrite  # most looks write one row, which is no transaction

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
        except Lost as lost:
            return are_stored(puts, lost.rows[len(changes) - len(puts) :])  # pynamodb sends puts behind the others
        return True

    @contextmanager
    def _request(self) -> Iterator[Connection]:
        try:
            yield self.connection()
        except PynamoDBException as error:
            raise meaning(error) from error
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

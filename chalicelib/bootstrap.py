"""The only file that knows every room: it puts adapters behind the ports. Nothing is connected before it is used."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import Credentials, EnvProvider
from botocore.session import Session, get_session

from chalicelib import engines
from chalicelib import settings as settings_of
from chalicelib.core.ports import Engine, Secrets
from chalicelib.core.rows import Spec
from chalicelib.notify.answers import asked
from chalicelib.notify.events import EventBus
from chalicelib.notify.metrics import EmfMetrics, Unread
from chalicelib.notify.queue import WorkQueue
from chalicelib.notify.secrets import SecretReader
from chalicelib.notify.sns import TopicNotifier
from chalicelib.notify.vault import BucketVault
from chalicelib.service.world import World
from chalicelib.settings import Settings
from chalicelib.store.dynamo import DynamoStore

if TYPE_CHECKING:
    from chalicelib.core.triggers import Rules

AWS_CALL = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})
"""A step ends well before its function's timeout, whatever AWS answers."""
CHECKOUT = Path(__file__).resolve().parents[1]


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def of_function(context: Any) -> World:
    """The world of a deployed function: built once a process, bound to the time that this call has left."""
    world = _world(settings_of.of_function(context.invoked_function_arn))
    return replace(world, remaining=lambda: timedelta(milliseconds=context.get_remaining_time_in_millis()))


def of_terminal(stage: str | None) -> World:
    """The world of a command line. NotRunning when there is no stage, BadInput for one that isn't local."""
    return replace(_world(terminal_settings(stage)), metrics=Unread())


def of_settings(settings: Settings) -> World:
    return _world(settings)


def rules(settings: Settings) -> "Rules":
    """The rules of triggers. No function has them: they are made where a file is applied."""
    from chalicelib.notify.rules import DefaultBus  # of `apply` alone

    return DefaultBus(client(settings, "events"), settings.stage, settings.events_queue_arn)


def rules_of_terminal(stage: str | None) -> "Rules":
    """As `of_terminal`."""
    return rules(terminal_settings(stage))


def terminal_settings(stage: str | None) -> Settings:
    return settings_of.of_terminal(stage, CHECKOUT)


def new_token() -> str:
    return secrets.token_hex(8)


def client(settings: Settings, service: str, session: Session | None = None, own: Credentials | None = None) -> Any:
    """A client of the stage; on the local stage with its address and made-up credentials, or the caller's `own`. A
    `session` that has made a client before makes the next in a tenth of the time. botocore's own: boto3 adds nothing to
    a client but imports."""
    make: Any = (session or get_session()).create_client  # its types know every service by a literal
    if not settings.local:
        return make(service, region_name=settings.region, config=AWS_CALL)
    return make(
        service,
        region_name=settings.region,
        config=AWS_CALL,
        endpoint_url=settings.invoke_endpoint_url if service == "lambda" else settings.endpoint_url,
        aws_access_key_id=own.access_key if own else "local",
        aws_secret_access_key=own.secret_key if own else "local",
        aws_session_token=own.token if own else None,
    )


def identity(settings: Settings) -> str:
    """The ARN of whoever calls. On the local stage only the environment can say who that is: files and profiles are
    about the real AWS."""
    from chalicelib.notify.identity import CallerIdentity  # of plans and approvals

    with asked("read the credentials of the environment"):
        own = EnvProvider().load() if settings.local else None
    return CallerIdentity(client(settings, "sts", own=own)).arn()


class _Later:
    """A client that is made when first used: each costs tens of milliseconds of a cold start."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def _client(self) -> Any:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@cache
def _world(settings: Settings) -> World:
    store = DynamoStore(
        settings.table,
        region=settings.region,
        token=new_token,
        host=settings.dynamodb_endpoint_url,
        shards=settings.shards,
    )

    def later(service: str) -> Any:
        return _Later(lambda: client(settings, service, store.session))

    clock = SystemClock()
    reader = SecretReader(later("secretsmanager"))
    return World(
        stage=settings.stage,
        store=store,
        queue=WorkQueue(later("sqs"), settings.work_queue),
        bus=EventBus(later("events"), settings.bus),
        notifier=TopicNotifier(later("sns"), settings.topic_arn),
        metrics=EmfMetrics(settings.stage),
        vault=BucketVault(later("s3"), settings.bucket),
        clock=clock,
        engine=lambda spec: connect(spec, reader),
        token=new_token,
        identity=lambda: identity(settings),
        local=settings.local,
    )


def connect(spec: Spec, reader: Secrets) -> Engine:
    """The engine of a spec's target. Credentials are read by reference, each time anew, so a rotated one is used."""
    auth = spec.target.auth
    secret = reader.read(auth.secret) if auth.secret else None
    return engines.load(spec.target.engine).connect(spec.target, secret, ca=spec.target.tls.ca)

"""What users write, as frozen models: Target and Policy with their parts. Unknown keys are errors.

The models hold what the file says in our own types (timedelta, bytes as int, percentages as fractions) and are stored
with every run. Reading the file with places, and what needs more than one block to judge, is `core/config`. Which
checks bind stored rows too: `core/values.py`. Loaded by every function: nothing heavy is imported here.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BeforeValidator,
    Field,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from chalicelib.core.notations import (
    DURATION_SCHEMA,
    Amount,
    Count,
    Duration,
    Flag,
    IndexPattern,
    IndexPatterns,
    Name,
    Percent,
    Prefix,
    Schedules,
    Size,
    Words,
    Written,
)
from chalicelib.core.values import (
    check_event_pattern,
    check_host,
    check_secret,
    check_window,
    check_zone,
    complaint,
    parse_duration,
    rule,
    shown,
)

Level = Literal["L1", "L2", "L3", "L4"]
LEVELS: tuple[Level, ...] = get_args(Level)
EngineName = Literal["elasticsearch", "opensearch", "nixiesearch", "ravendb", "scylla", "dump"]

_RPO: dict[str, Any] = {
    "type": "object",
    "properties": dict.fromkeys(LEVELS, DURATION_SCHEMA),
    "additionalProperties": False,
}


class Repository(Written):
    type: str = Field(description="what the engine calls the kind: fs, s3, gcs, azure …", pattern="^[a-z][a-z0-9_-]*$")
    settings: Mapping[str, Any] = Field(default_factory=dict, description="as the engine takes them")
    manage: Flag = Field(default=True, description="registered if missing; false: never touched")


class Auth(Written):
    """Exactly one of them."""

    secret: Annotated[str, rule(check_secret)] | None = Field(
        default=None, description="the name or the ARN of a secret in Secrets Manager"
    )
    none: Flag = Field(default=False, description="true: an open cluster")
    sigv4: Literal["es", "aoss"] | None = Field(default=None, description="Amazon OpenSearch Service: es")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.secret is not None) + (self.sigv4 is not None) + self.none != 1:
            raise complaint("exactly one way to authenticate is needed", "{secret: NAME}, {sigv4: es} or {none: true}")
        return self


class Tls(Written):
    ca: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="a PEM file, relative to the configuration file"
    )
    insecure: Flag = Field(default=False, description="true: certificates are not verified")

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.insecure and self.ca:
            raise complaint("`ca` has no meaning with `insecure: true`", "one of the two")
        return self


class RestoreRules(Written):
    allow: IndexPatterns = Field(
        default=("restored-*", "drill-*"), description="names that may be restored to without a second person"
    )
    approval: Flag = Field(default=True, description="other names: true = need a second person, false = are refused")
    keep_old: Duration = Field(default=timedelta(hours=24), description="how long the old index stays after a swap")


class Target(Written):
    name: Name
    engine: EngineName = Field(description="the product")
    hosts: tuple[Annotated[str, rule(check_host)], ...] = Field(default=(), description="addresses of its nodes")
    auth: Auth = Field(description="{secret: NAME}, {sigv4: es} or {none: true}")
    tls: Tls = Tls()
    max_concurrent: Annotated[int, Strict(), Field(ge=1, le=1000)] = Field(default=1, description="runs at a time")
    repositories: Mapping[str, Repository] = Field(description="where backups are kept, by name")
    restore: RestoreRules = RestoreRules()


class Select(Written):
    indices: IndexPatterns = Field(min_length=1, description='indices and data streams: [orders-*]; all: ["*"]')
    exclude: IndexPatterns = Field(default=(), description="left out, whatever `indices` says")
    global_state: Flag = Field(default=False, description="cluster settings and templates too")
    feature_states: Words = Field(default=(), description="[] means none")


class Contract(Written):
    """What a backup must hold to reach L2. What is not written is not asked for."""

    must_include: IndexPatterns = Field(default=(), description="each must match an index in the backup")
    min_indices: Amount | None = None
    min_docs: Amount | None = None
    min_bytes: Size | None = None
    max_shrink: Percent | None = Field(
        default=None, description="smaller than the last good ones usually were by at most this"
    )
    allow_partial: Flag = Field(default=False, description="true: PARTIAL counts as good")


class Retention(Written):
    """Keep rules are united; 0 = off, all off is refused. Deletion is bounded by the rest."""

    keep_last: Count = 0
    hourly: Count = 0
    daily: Count = 0
    weekly: Count = 0
    monthly: Count = 0
    yearly: Count = 0
    max_age: Duration | None = Field(default=None, description="ends every keep rule")
    failed: Count = Field(default=3, description="how many of the newest that are not good stay")
    min_keep: Count = Field(default=3, description="never fewer good ones than this")
    max_delete: Percent = Field(default=Decimal("0.25"), description="more at once deletes nothing and asks")
    quarantine: Duration = Field(default=timedelta(hours=24), description="between the plan and the deletion")

    @model_validator(mode="after")
    def _keeps(self) -> Self:
        if not any((self.keep_last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly)):
            raise complaint(
                "every keep rule is off, so every backup would go",
                "at least one of keep_last, hourly, daily, weekly, monthly, yearly above 0",
            )
        return self


class QueryCheck(Written):
    index: IndexPattern = Field(description="an index of the backup")
    body: Mapping[str, Any] = Field(description="a query of the engine")
    min_hits: Amount = Field(default=1, description="fewer hits are a failure")
    expect: Amount | None = Field(default=None, description="exactly so many hits")


class Check(Written):
    """One check of a drill; the two without a parameter are written as bare words."""

    doc_count: Literal[True] | None = None
    mapping: Literal[True] | None = None
    sample_hash: Annotated[int, Strict(), Field(ge=1, le=100_000)] | None = Field(
        default=None, description="how many documents are compared"
    )
    query: QueryCheck | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        return {value: True} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.doc_count, self.mapping, self.sample_hash, self.query)) != 1:
            raise complaint("a check is one of its kind", A_CHECK)
        return self


A_CHECK = "doc_count, mapping, {sample_hash: 500} or {query: {…}}"


class Into(Written):
    target: str | None = Field(default=None, description="the name of a target; its own when it is left out")
    prefix: Prefix = Field(default="drill-", description="of the indices that the drill makes")


def _sample(value: object, info: ValidationInfo) -> object:
    if value == "all" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100_000):
        return value
    raise complaint(f"{shown(value)} is not a sample", "all, or a number of indices from 1 to 100000")


class RandomWithin(Written):
    random_within: Duration = Field(description="any good backup that is not older, drawn anew each time")


A_SELECTION = "latest, or {random_within: 14d}"


def _selected(value: object, info: ValidationInfo) -> object:
    """Judged as a whole: of the two forms each complains of the other."""
    if value == "latest" or isinstance(value, RandomWithin):
        return value
    if isinstance(value, Mapping) and list(value) == ["random_within"]:
        return RandomWithin(random_within=parse_duration(value["random_within"], info))
    raise complaint(f"{shown(value)} is not known here", A_SELECTION)


class Drill(Written):
    schedule: Schedules = Field(min_length=1, description='cron of five fields, "rate(7 days)", or a list of them')
    select: Annotated[Literal["latest"] | RandomWithin, BeforeValidator(_selected)] = Field(
        default="latest", description=A_SELECTION
    )
    into: Into = Into()
    sample: Annotated[int | Literal["all"], BeforeValidator(_sample)] = Field(
        default="all", description="all, or a number of indices a drill"
    )
    max_bytes: Size | None = Field(default=None, description="larger ones are sampled down to this")
    max_bytes_per_sec: Size | None = Field(default=None, description="of each node, so that the live ones keep theirs")
    rto: Duration | None = Field(default=None, description="a restore may take this long")
    checks: tuple[Check, ...] = Field(
        default=(Check(doc_count=True), Check(mapping=True)), min_length=1, description=A_CHECK
    )


class TriggeredRestore(Written):
    """Of the newest good backup, under new names beside the live data: what no event may do stands in no file."""

    mode: Literal["rename"] = Field(default="rename", description="under new names")
    level_at_least: Level | None = Field(default=None, description="of a backup that is proved so far")
    indices: IndexPatterns = Field(default=(), description="those that match, all when left out")
    prefix: Prefix = Field(default="restored-", description="of the new names; `restore.allow` must cover it")


class Trigger(Written):
    pattern: Annotated[Mapping[str, Any], rule(check_event_pattern)] = Field(
        description="an EventBridge pattern that names its `source`"
    )
    action: Literal["backup", "restore"] = Field(default="backup", description="what such an event starts")
    restore: TriggeredRestore | None = Field(default=None, description="which restore, with `action: restore`")

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.restore is not None and self.action != "restore":
            raise complaint("`restore` says what a backup has no use for", "action: restore, or no such key")
        return self


class Notify(Written):
    on: tuple[Literal["failure", "recovery", "success"], ...] = ("failure", "recovery")
    topic: Name = "default"


class Policy(Written):
    """`retention` is validated with the file and acts in a later release."""

    name: Name
    target: str = Field(description="the name of a target of this file")
    repository: str = Field(description="the name of a repository of the target")
    select: Select = Field(description="what is backed up: {indices: [orders-*]}")
    schedule: Schedules = Field(default=(), description='cron of five fields, "rate(6 hours)", or a list of them')
    timezone: Annotated[str, rule(check_zone)] = Field(default="UTC", description="like Europe/Berlin")
    jitter: Duration = Field(default=timedelta(0), description="each start is later by a fixed part of this")
    blackout: tuple[Annotated[str, rule(check_window)], ...] = Field(
        default=(), description="hours without a start: [Mon-Fri 08:00-18:00]"
    )
    catch_up: Duration = Field(default=timedelta(hours=6), description="a slot may start this late, then it is MISSED")
    timeout: Duration = Field(default=timedelta(hours=4), description="a run ends by then")
    rpo: Annotated[Mapping[Level, Duration], WithJsonSchema({"anyOf": [DURATION_SCHEMA, _RPO]})] = Field(
        default_factory=dict, description="the oldest acceptable proved backup: 26h, or {L2: 26h, L4: 8d}"
    )
    prove: Level = Field(default="L1", description="the level that a backup must reach to count as good")
    contract: Contract = Contract()
    retention: Retention | None = None
    drill: Drill | None = None
    triggers: tuple[Trigger, ...] = ()
    notify: Notify = Notify()

    @model_validator(mode="before")
    @classmethod
    def _one_rpo(cls, value: object) -> object:
        """`rpo: 26h` is a promise at the level that the policy proves."""
        if not isinstance(value, dict) or "rpo" not in value or isinstance(value["rpo"], Mapping):
            return value
        level = value.get("prove", "L1")
        return {**value, "rpo": {level if level in LEVELS else "L1": value["rpo"]}}

"""What users write, as frozen models: Target and Policy with their parts. Unknown keys are errors.

The models hold what the file says in our own types (timedelta, bytes as int); reading the file with places, durations
and sizes is `core/config.py`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Repository(Written):
    type: str
    settings: Mapping[str, Any] = Field(default_factory=dict)
    manage: bool = True


class Auth(Written):
    secret: str | None = None
    none: bool = False
    sigv4: str | None = None


class Tls(Written):
    ca: str | None = None
    insecure: bool = False


class RestoreRules(Written):
    allow: tuple[str, ...] = ("restored-*", "drill-*")
    approval: bool = True
    keep_old: timedelta = timedelta(hours=24)


class Target(Written):
    name: str
    engine: Literal["elasticsearch", "opensearch", "nixiesearch", "ravendb", "scylla", "dump"]
    hosts: tuple[str, ...] = ()
    auth: Auth
    tls: Tls = Tls()
    max_concurrent: int = 1
    repositories: Mapping[str, Repository]
    restore: RestoreRules = RestoreRules()


class Select(Written):
    indices: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    global_state: bool = False
    feature_states: tuple[str, ...] = ()


class Notify(Written):
    on: tuple[Literal["failure", "recovery", "success"], ...] = ("failure", "recovery")
    topic: str = "default"


class Policy(Written):
    """The blocks `contract`, `retention`, `drill`, `triggers` are validated with the file and act in later releases."""

    name: str
    target: str
    repository: str
    select: Select
    schedule: tuple[str, ...] = ()
    timezone: str = "UTC"
    jitter: timedelta = timedelta(0)
    blackout: tuple[str, ...] = ()
    catch_up: timedelta = timedelta(hours=6)
    timeout: timedelta = timedelta(hours=4)
    rpo: Mapping[str, timedelta] = Field(default_factory=dict)
    prove: Literal["L1", "L2", "L3", "L4"] = "L1"
    contract: Mapping[str, Any] = Field(default_factory=dict)
    retention: Mapping[str, Any] = Field(default_factory=dict)
    drill: Mapping[str, Any] = Field(default_factory=dict)
    triggers: tuple[Mapping[str, Any], ...] = ()
    notify: Notify = Notify()

"""The only reader of the environment. Everything else gets a frozen `Settings`."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.core.errors import BadInput, NotRunning, Problem

DEFAULT_STAGE = "local"
SHARDS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One stage as its functions or its command line see it. Names derive from the stage.

    `endpoint_url` and `dynamodb_endpoint_url` are None on AWS and inside functions, where boto3 finds its way alone;
    `invoke_endpoint_url` is where the local stage answers Lambda's Invoke API. `account` is known in functions from
    their own ARN.
    """

    stage: str = DEFAULT_STAGE
    region: str = "eu-central-1"
    account: str = "123456789012"
    endpoint_url: str | None = None
    dynamodb_endpoint_url: str | None = None
    invoke_endpoint_url: str | None = None
    shards: int = SHARDS

    @property
    def local(self) -> bool:
        return self.endpoint_url is not None

    @property
    def table(self) -> str:
        return f"snapwarden-{self.stage}"

    @property
    def bus(self) -> str:
        return f"snapwarden-{self.stage}"

    @property
    def work_queue(self) -> str:
        return f"snapwarden-{self.stage}-work"

    @property
    def events_queue_arn(self) -> str:
        return f"arn:aws:sqs:{self.region}:{self.account}:snapwarden-{self.stage}-events"

    @property
    def topic_arn(self) -> str:
        return f"arn:aws:sns:{self.region}:{self.account}:snapwarden-{self.stage}"

    @property
    def bucket(self) -> str:
        """Names of buckets are one space for all accounts."""
        return f"snapwarden-{self.stage}-{self.account}"

    def function(self, name: str) -> str:
        return f"snapwarden-{self.stage}-{name}"


def stage_name() -> str:
    """At deploy time Chalice sets the variables of config.json before it imports app.py, so names can be derived."""
    return os.environ.get("SNAPWARDEN_STAGE", DEFAULT_STAGE)


def of_function(function_arn: str) -> Settings:
    """Inside a deployed function: region and account stand in the ARN that Lambda hands over with each call."""
    _, _, _, region, account, *_ = function_arn.split(":")
    return Settings(stage=stage_name(), region=region, account=account)


def local_folder(checkout: Path) -> Path:
    """Where the local stage keeps its state: `$SNAPWARDEN_LOCAL`, else `.local` in the checkout."""
    own = os.environ.get("SNAPWARDEN_LOCAL")
    return Path(own).expanduser().absolute() if own else checkout / ".local"


def of_terminal(stage: str | None, checkout: Path) -> Settings:
    """For the command line. A local stage is found by the state file that `snapwarden up` wrote.

    Raises NotRunning when there is none, BadInput for a stage that isn't a local one.
    """
    stage = stage or stage_name()
    if stage != DEFAULT_STAGE:
        raise BadInput(
            Problem(f"stage {stage} can't be reached yet", expected="local: other stages come with deployment")
        )
    try:
        written = json.loads((local_folder(checkout) / "stage.json").read_text())
        return of_stage_file(written)
    except (FileNotFoundError, NotADirectoryError):
        log = local_folder(checkout) / "logs" / "supervisor.log"
        ended = f" (if it should be, {log} says why it ended)" if log.exists() else ""
        raise NotRunning(f"the local stage is not running: `snapwarden up` starts it{ended}") from None
    except (ValueError, KeyError) as error:
        message = f"the state file of the local stage can't be used ({error}): `snapwarden up` writes it anew"
        raise NotRunning(message) from None


def of_stage_file(written: Mapping[str, object]) -> Settings:
    return Settings(
        stage=str(written["stage"]),
        region=str(written["region"]),
        account=str(written["account"]),
        endpoint_url=str(written["endpoint_url"]),
        dynamodb_endpoint_url=str(written["dynamodb_endpoint_url"]),
        invoke_endpoint_url=str(written["invoke_endpoint_url"]),
    )

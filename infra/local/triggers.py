"""The triggers' rules after a restart: moto has forgotten them, the table has not."""

from chalicelib import bootstrap
from chalicelib.core.errors import Refused, Retryable
from chalicelib.service import triggers
from chalicelib.settings import Settings
from infra.local.aws import Aws


def put_again(aws: Aws, stage: str) -> str:
    """What was done, in words. Rows that can't be read are no reason not to come up: who mends them needs a stage."""
    settings = Settings(
        stage=stage,
        region=aws.region,
        account=aws.account,
        endpoint_url=aws.endpoint_url,
        dynamodb_endpoint_url=aws.dynamodb_endpoint_url,
    )
    try:
        changes = triggers.agree(bootstrap.of_settings(settings).store, bootstrap.rules(settings), stage)
    except (Retryable, Refused) as error:
        return f"the rules of triggers are missing: {error}"
    return f"putting the rules of triggers: {len(changes.put)}"

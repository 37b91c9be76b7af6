"""A deployed application that does what tests ask of it, to see how the local Lambda treats it."""

import importlib
import json
import os
import sys
import time
from typing import Any

from chalice import Chalice
from chalice.app import CloudWatchEvent, SQSEvent

import chalicelib

app = Chalice("sample")
calls = 0


@app.lambda_function(name="echo")
def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    global calls
    calls += 1
    sys.stdout.write(f"echo was asked {event}\n")
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "exit" in event:
        os._exit(event["exit"])
    if "raise" in event:
        raise ValueError(event["raise"])
    if "import" in event:
        importlib.import_module(event["import"])
    return {
        "pid": os.getpid(),
        "calls": calls,
        "greeting": getattr(chalicelib, "GREETING", "not the sample's own"),
        "environ": dict(os.environ),
        "path": sys.path,
        "context": {
            "function_name": context.function_name,
            "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb,
            "request_id": context.aws_request_id,
            "remaining": context.get_remaining_time_in_millis(),
        },
    }


@app.lambda_function(name="narrow")
def narrow(event: dict[str, Any], context: Any) -> int:
    time.sleep(event["sleep"])
    return os.getpid()


@app.lambda_function(name="failing")
def failing(event: dict[str, Any], context: Any) -> None:
    _see({"failing": event["name"]})
    raise RuntimeError("as always")


@app.on_sqs_message(queue="sample-jobs", batch_size=10, name="jobs")
def jobs(event: SQSEvent) -> dict[str, Any]:
    failed = []
    for record in event.to_dict()["Records"]:
        _see({"job": record["body"], "tries": record["attributes"]["ApproximateReceiveCount"]})
        if record["body"].startswith("bad"):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


@app.schedule("rate(1 minute)", name="clock")
def clock(event: CloudWatchEvent) -> None:
    _see({"clock": event.to_dict()})


def _see(what: dict[str, Any]) -> None:
    """Tells the test. boto3 is Lambda's own: imported here, because most of the functions go without it."""
    import boto3

    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="sample-seen")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(what))

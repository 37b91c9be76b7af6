"""What stands between a deployed function and the embedded AWS: lets through what its role allows, as IAM would, and
notes every request. moto alone would allow everything, and DynamoDB Local knows no roles.
"""

import http.client
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from infra.local.aws import Aws
from infra.local.moto_server import ACCOUNT

ROWS_OF_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""IAM knows no action TransactWriteItems: a transaction needs what its parts need."""
FORWARDED = ("content-type", "content-encoding", "authorization", "accept-encoding")
"""And all that begins with `x-amz-`."""


@dataclass(frozen=True, order=True)
class Use:
    """One permission: `dynamodb:GetItem` on an ARN without region and account, `dynamodb:table/snapwarden-local`."""

    action: str
    resource: str


@dataclass(frozen=True)
class Grant:
    """One action on one resource of a policy, which may hold `*`; `tags` are those that the resource must have."""

    action: str
    resource: str
    tags: Mapping[str, str]

    def covers(self, use: Use, tags: Mapping[str, str]) -> bool:
        return (
            fnmatchcase(use.action, self.action)
            and fnmatchcase(use.resource, self.resource)
            and self.tags.items() <= tags.items()
        )


def grants(policy: Mapping[str, Any]) -> tuple[Grant, ...]:
    """Every pair that a policy allows. Knows the few things that our policies say, and fails at any other."""
    found = []
    for statement in policy["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}, statement
        assert statement["Effect"] == "Allow", statement
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                found.append(
                    Grant(
                        action,
                        short(resource.replace("${aws:PrincipalAccount}", ACCOUNT)),
                        _tags(statement.get("Condition", {})),
                    )
                )
    return tuple(found)


def short(arn: str) -> str:
    """Without partition, region and account: policies leave these open, see test_policies.py."""
    _, _, service, _, _, name = arn.split(":", 5)
    return f"{service}:{name}"


def _tags(condition: Mapping[str, Any]) -> Mapping[str, str]:
    wanted = condition.get("StringEquals", {})
    assert set(condition) <= {"StringEquals"}, condition
    assert all(":ResourceTag/" in key for key in wanted), condition
    return {key.split(":ResourceTag/", 1)[1]: value for key, value in wanted.items()}


class Gate:
    """A context: `environ()` is what a function gets to find AWS through it."""

    def __init__(self, aws: Aws, allowed: tuple[Grant, ...]) -> None:
        self.aws = aws
        self.allowed = allowed
        self.used: set[Use] = set()
        self.refused: set[Use] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def environ(self) -> dict[str, str]:
        return Aws(self.url, self.url, self.aws.region, self.aws.account).environ()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def admits(self, use: Use) -> bool:
        tags = self._tags_of(use)
        good = any(grant.covers(use, tags) for grant in self.allowed)
        (self.used if good else self.refused).add(use)
        return good

    def _tags_of(self, use: Use) -> Mapping[str, str]:
        if not use.resource.startswith("secretsmanager:secret:"):
            return {}
        known = self.aws.client("secretsmanager").describe_secret(SecretId=use.resource.rpartition(":")[2])
        return {tag["Key"]: tag["Value"] for tag in known.get("Tags", ())}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self._body()
                self._pass_on(uses(self.headers.get("x-amz-target", ""), body), body)

            def do_PUT(self) -> None:
                self._pass_on((object_use(self.command, self.path),), self._body())

            do_GET = do_DELETE = do_HEAD = do_PUT

            def _body(self) -> bytes:
                if self.headers.get("expect", "").lower() == "100-continue":
                    self.send_response_only(100)
                    self.end_headers()
                return self.rfile.read(int(self.headers.get("content-length") or 0))

            def _pass_on(self, asked: tuple[Use, ...], body: bytes) -> None:
                admitted = [gate.admits(use) for use in asked]
                if all(admitted):
                    status, headers, content = gate.forward(self.command, self.path, dict(self.headers), body)
                else:
                    said = {"__type": "AccessDeniedException", "message": f"not authorized to perform {asked}"}
                    status, headers, content = 400, {"content-type": "application/x-amz-json-1.0"}, _json(said)
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Not into the test's output."""

        return Handler

    def forward(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        is_table = headers.get("X-Amz-Target", "").startswith("DynamoDB_")
        place = urlsplit(self.aws.dynamodb_endpoint_url if is_table else self.aws.endpoint_url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            kept = {
                name: value
                for name, value in headers.items()
                if name.lower() in FORWARDED or name.lower().startswith("x-amz-")
            }
            connection.request(method, path, body, kept)
            answer = connection.getresponse()
            back = {
                name: value for name, value in answer.getheaders() if re.match(r"content-type|etag|x-amz", name, re.I)
            }
            return answer.status, back, answer.read()
        finally:
            connection.close()


def uses(target: str, body: bytes) -> tuple[Use, ...]:
    """What a request needs. A call that this was not taught needs a permission that nobody has."""
    if not target:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        return (Use(f"sns:{form['Action']}", short(form["TopicArn"])),)
    (service, _, operation), asked = target.partition("."), json.loads(body)
    if service.startswith("DynamoDB_"):
        return tuple(Use(f"dynamodb:{name}", f"dynamodb:table/{row}") for name, row in _rows(operation, asked))
    match service:
        case "AmazonSQS":
            queue = asked.get("QueueName") or asked["QueueUrl"].rpartition("/")[2]
            return (Use(f"sqs:{operation}", f"sqs:{queue}"),)
        case "AWSEvents":
            buses = sorted({entry["EventBusName"] for entry in asked["Entries"]})
            return tuple(Use(f"events:{operation}", f"events:event-bus/{bus}") for bus in buses)
        case "secretsmanager":
            return (Use(f"secretsmanager:{operation}", f"secretsmanager:secret:{asked['SecretId']}"),)
    return (Use(f"{service}:{operation}", "unknown to tests/app/gate.py"),)


def object_use(method: str, path: str) -> Use:
    """A request to S3, which says by its method and path what it wants. Only objects are known."""
    operation = {"PUT": "PutObject", "GET": "GetObject", "DELETE": "DeleteObject", "HEAD": "GetObject"}[method]
    return Use(f"s3:{operation}", f"s3:{unquote(urlsplit(path).path).lstrip('/')}")


def _rows(operation: str, asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    match operation:
        case "TransactWriteItems":
            for part in asked["TransactItems"]:
                ((kind, change),) = part.items()
                yield ROWS_OF_TRANSACTION[kind], change["TableName"]
        case "BatchGetItem":
            for table in asked["RequestItems"]:
                yield operation, table
        case _:
            index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
            yield operation, f"{asked['TableName']}{index}"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()

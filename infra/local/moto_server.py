"""The rest of AWS: moto's server, on loopback only, with the few changes that `chalice deploy` and our runtime need.

    python -m infra.local.moto_server PORT

It forgets everything when it ends. Tables are not used here: DynamoDB Local holds them.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local import processes
from infra.local.servers import HOST, Server, clean_environ, get, take_port

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class MotoServer:
    """One instance; `log` gets its output. No `port`: any free one."""

    log: Path
    port: int | None = None

    def start(self, timeout: float = 60.0) -> Server:
        """Returns when it answers."""
        port = take_port(self.port, "moto")
        identity = processes.spawn(
            [sys.executable, "-m", __name__, str(port)],
            log=self.log,
            environ=clean_environ(MOTO_PORT=str(port), AWS_EC2_METADATA_DISABLED="true"),
            cwd=Path(__file__).parents[2],
        )
        url = f"http://{HOST}:{port}"
        processes.wait_until(lambda: _is_moto(url), identity, name="moto", log=self.log, timeout=timeout)
        return Server(name="moto", url=url, port=port, identity=identity, log=self.log)


def _is_moto(url: str) -> bool:
    answer = get(f"{url}/moto-api/data.json")
    return answer is not None and answer[0] == 200


def patch() -> None:
    """Each of these was seen to be needed with moto 5.2.5, which pyproject.toml pins."""
    _accept_chalice_rest_apis()
    _accept_capital_notification_filters()
    _leave_delivery_to_us()
    _keep_queues_whole()
    _match_no_schedules()
    _send_whole_events()


def _accept_chalice_rest_apis() -> None:
    """Chalice writes Swagger 2 without a description; moto wants OpenAPI 3 with one."""
    from moto.apigateway.models import APIGatewayBackend as Backend

    put: Any = Backend.put_rest_api
    imported: Any = Backend.import_rest_api

    def fixed(document: dict[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in document.items() if key != "swagger"}
        return {"openapi": "3.0.1", **rest, "info": {"description": "", **document.get("info", {})}}

    def put_rest_api(
        self: Any, function_id: str, api_doc: dict[str, Any], fail_on_warnings: bool, mode: str = "merge"
    ) -> Any:
        return put(self, function_id, fixed(api_doc), fail_on_warnings, mode)

    def import_rest_api(self: Any, api_doc: dict[str, Any], fail_on_warnings: bool) -> Any:
        return imported(self, fixed(api_doc), fail_on_warnings)

    _replace(Backend, "put_rest_api", put_rest_api)
    _replace(Backend, "import_rest_api", import_rest_api)


def _accept_capital_notification_filters() -> None:
    """S3 takes `Prefix` and `prefix` alike; moto only the latter."""
    from moto.s3.responses import S3Response

    read: Any = S3Response._notification_config_from_body

    def notification_config_from_body(self: Any) -> Any:
        body = self.body if isinstance(self.body, bytes | bytearray) else self.body.encode()
        for name in (b"Prefix", b"Suffix"):
            body = body.replace(b"<Name>%s</Name>" % name, b"<Name>%s</Name>" % name.lower())
        self.body = body
        return read(self)

    _replace(S3Response, "_notification_config_from_body", notification_config_from_body)


def _leave_delivery_to_us() -> None:
    """An enabled event source mapping would make moto try Docker on each send, and take the message away."""
    from moto.sqs.models import Queue

    class NoMappings(dict[str, Any]):
        def items(self) -> Any:
            return ()

    def mappings(self: Any) -> NoMappings:
        return NoMappings()

    def ignore(self: Any, value: Any) -> None:
        return None

    _replace(Queue, "lambda_event_source_mappings", property(mappings, ignore))


def _keep_queues_whole() -> None:
    """Moto's threads may lose a message that is sent while another is deleted (the list is copied and put back), and
    may hand one out twice. Both are rare and were read in its source, not seen.

    The queue's own lock is a condition around a reentrant lock, so waiting for messages inside gives it free.
    """
    from moto.sqs.models import Queue, SQSBackend

    delete: Any = Queue.delete_message
    receive: Any = SQSBackend.receive_message

    def delete_message(self: Any, *arguments: Any, **named: Any) -> Any:
        with self._messages_lock:
            return delete(self, *arguments, **named)

    def receive_message(self: Any, queue_name: str, *arguments: Any, **named: Any) -> Any:
        with self.get_queue(queue_name)._messages_lock:
            return receive(self, queue_name, *arguments, **named)

    _replace(Queue, "delete_message", delete_message)
    _replace(SQSBackend, "receive_message", receive_message)


def _match_no_schedules() -> None:
    """A rule that only has a schedule matches no event; moto takes its missing pattern for one that matches all, and
    answers 500 to whoever puts an event on the default bus, because the tick is no target that it knows."""
    from moto.events.models import Rule

    send: Any = Rule.send_to_targets

    def send_to_targets(self: Any, *arguments: Any, **named: Any) -> None:
        if self.event_pattern.get_pattern() and self.state == "ENABLED":
            send(self, *arguments, **named)

    _replace(Rule, "send_to_targets", send_to_targets)


def _send_whole_events() -> None:
    """Moto leaves the account out, puts the time as a number and one more key into `<aws.events.event.json>`, and fills
    in whatever looks like a placeholder in the event itself."""
    from moto.core.utils import iso_8601_datetime_without_milliseconds, utcfromtimestamp
    from moto.events.utils import EventTemplateParser

    parse: Any = EventTemplateParser.parse

    def parsed(input_template: str | None, input_paths_map: dict[str, Any], event: Any) -> dict[str, Any]:
        whole = {key: value for key, value in event.items() if key != "ingestion-time"}
        if input_template is None:
            return whole  # whoever sends it makes a text of its time
        if input_paths_map:
            return dict(parse(input_template, input_paths_map, event))
        time = iso_8601_datetime_without_milliseconds(utcfromtimestamp(int(event["time"])))
        text = input_template.replace("<aws.events.event.ingestion-time>", str(event["ingestion-time"]))
        text = text.replace("<aws.events.event.json>", json.dumps({**whole, "time": time}))
        return dict(json.loads(text))

    _replace(EventTemplateParser, "parse", staticmethod(parsed))


def _replace(owner: type, name: str, new: object) -> None:
    setattr(owner, name, new)


def main(arguments: Iterable[str]) -> None:
    (port,) = arguments
    from moto.server import main as serve

    patch()
    serve(["-H", HOST, "-p", port])


if __name__ == "__main__":
    main(sys.argv[1:])

"""One connection to a target: sends each request once, and turns whatever comes back, or does not, into an answer,
Retryable or Refused. Nothing that the library raises leaves this file, and no credentials do.
"""

import base64
import re
import ssl
import warnings
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from elastic_transport import (
    ConnectionError,
    ConnectionTimeout,
    JsonSerializer,
    SerializationError,
    TlsError,
    TransportError,
)
from elasticsearch import ApiError, Elasticsearch, ElasticsearchWarning, UnsupportedProductError

from chalicelib.core import addresses
from chalicelib.core.errors import NameTaken, Refused, RepositoryMissing, Retryable, Unauthenticated, Unsupported
from chalicelib.core.spec import Target
from chalicelib.engines import elasticsearch_answers as answers
from chalicelib.engines.elasticsearch_answers import Question, Verdict
from chalicelib.engines.elasticsearch_json import ExactJson
from chalicelib.engines.elasticsearch_read import Body

# The server's advice to those who name a system index, as whoever asks for all of the cluster does: printed, it would
# be the only line of a function's log that is no JSON.
warnings.filterwarnings("ignore", category=ElasticsearchWarning)

ERRORS: dict[Verdict, type[Exception]] = {
    Verdict.REFUSE: Refused,
    Verdict.UNAUTHENTICATED: Unauthenticated,
    Verdict.NAME_TAKEN: NameTaken,
    Verdict.UNSUPPORTED: Unsupported,
    Verdict.REPOSITORY_MISSING: RepositoryMissing,
    Verdict.RETRY: Retryable,
}
AT = re.compile(r"^\w+\(host=[^)]*\): ")
"""What the library says of the host before the cause; of several it is not always there."""
SHORTEST_SECRET = 4
"""Shorter values are not searched for in messages: they would black out every "es"."""


class Silence(Retryable):
    """Nothing came back: perhaps the request did its work, perhaps it never arrived."""


class Connection:
    """Connects on the first request. `calls` counts the requests sent, answered or not."""

    def __init__(self, target: Target, secret: Mapping[str, str] | None, ca: str | None, timeout: float) -> None:
        self.calls = 0
        self.target = target.name
        self.timeout = timeout
        self.master_timeout = f"{max(1, int(timeout) - 2)}s"
        """Shorter than ours, so that a server without a master still gets to say so."""
        where = ", ".join(dict.fromkeys(map(addresses.shown, target.hosts)))
        self._where = f"one of {where}" if len(target.hosts) > 1 else where
        self._options = {**_hosts(target, ca), **_credentials(target, secret)}
        values = [value for key, value in (secret or {}).items() if key != "username"]
        encoded = self._options.get("basic_auth", "")  # the header's form of the password
        self._hidden = tuple(value for value in (*values, encoded) if len(value) >= SHORTEST_SECRET)
        self._clients: dict[bool, Elasticsearch] = {}

    def ask(self, question: Question, send: Callable[[Elasticsearch], Any], *, raw: bool = False) -> Body | None:
        """None: the engine itself says that there is none, where its table of answers (elasticsearch_answers.py) allows
        that for this question. `raw`: each `_source` in the answer comes as its text."""
        if raw not in self._clients:
            self._clients[raw] = self._connect(raw=raw)
        self.calls += 1
        try:
            found = send(self._clients[raw]).body
        except UnsupportedProductError as error:
            raise self._stranger(question, error.meta.headers) from None
        except ApiError as error:
            if (bad := self._judge(question, error.meta.status, error.body)) is not None:
                raise bad from None
            return None
        except (TransportError, RecursionError, UnicodeError) as error:
            raise self._silence(question, error) from None
        if not isinstance(found, Mapping):
            raise Retryable(f"{question}: unreadable answer, not an object")
        return Body(found, f"{question}: answer")

    def must(self, question: Question, send: Callable[[Elasticsearch], Any], *, raw: bool = False) -> Body:
        """`ask` where "there is none" is no answer."""
        body = self.ask(question, send, raw=raw)
        if body is None:
            raise Retryable(f"{question}: unreadable answer")
        return body

    def _connect(self, *, raw: bool = False) -> Elasticsearch:
        # No retry of any kind: by default the client sends a PUT up to four times. With several hosts one is drawn for
        # each request; one that failed is not drawn again at once.
        serializer: JsonSerializer = ExactJson()
        if raw:
            from chalicelib.engines.elasticsearch_sources import Sources  # few runs copy documents

            serializer = Sources()
        options = {**self._options, "serializers": {"application/json": serializer}}
        return Elasticsearch(**options, max_retries=0, retry_on_timeout=False, request_timeout=self.timeout)

    def _judge(self, question: Question, status: int, body: object) -> Exception | None:
        answer = answers.read(status, body)
        if answer is None:
            return Retryable(
                f"{question}: {status} without Elasticsearch's own error: is a proxy or gateway answering?"
            )
        rule = answers.judge(question, answer)
        if rule.verdict is Verdict.NOT_THERE:
            return None
        return ERRORS[rule.verdict](self._clean(answers.message(question, answer, rule)))

    def _stranger(self, question: Question, headers: Mapping[str, str]) -> Exception:
        if "x-opensearch-version" in headers:
            return Refused(f"{question}: this is OpenSearch, not Elasticsearch: use `engine: opensearch`")
        return Retryable(f"{question}: the answer is not Elasticsearch's own: is a proxy or gateway answering?")

    def _silence(self, question: Question, error: Exception) -> Exception:
        match error:
            case ConnectionTimeout():
                return Silence(f"{question}: no answer within {self.timeout:g} s from {self._where}")
            case TlsError():
                advice = "(tls.ca names the certificates to trust)"
                return Silence(
                    self._clean(f"{question}: the connection to {self._where} is not trusted: {error} {advice}")
                )
            case SerializationError() | RecursionError() | UnicodeError():
                return Retryable(f"{question}: unreadable answer")
        why = AT.sub("", error.message) if isinstance(error, ConnectionError) and error.message else str(error)
        return Silence(self._clean(f"{question}: no answer from {self._where}: {why}"))

    def _clean(self, text: str) -> str:
        """Servers and libraries may repeat what they were given."""
        for value in self._hidden:
            text = text.replace(value, "***")
        return " ".join(text.split())


def _hosts(target: Target, ca: str | None) -> dict[str, Any]:
    if not target.hosts:
        raise Refused(f"target {target.name} has no `hosts`")
    options: dict[str, Any] = {"hosts": list(dict.fromkeys(_with_port(target, host) for host in target.hosts))}
    if not any(host.startswith("https:") for host in options["hosts"]):
        return options
    if target.tls.insecure:
        return {**options, "verify_certs": False, "ssl_show_warn": False}
    if target.tls.ca is not None and ca is None:
        raise Refused(f"target {target.name}: the certificates that tls.ca names are missing")
    if ca is None:
        return options
    try:
        return {**options, "ssl_context": ssl.create_default_context(cadata=ca)}
    except (ssl.SSLError, ValueError):
        raise Refused(f"target {target.name}: tls.ca does not hold certificates in PEM") from None


def _with_port(target: Target, host: str) -> str:
    """The client insists on a port."""
    parts = urlsplit(host)
    if parts.username is not None or parts.password is not None:
        raise Refused(f"target {target.name}: credentials do not belong into `hosts`")
    if parts.port is not None:
        return host
    return parts._replace(netloc=f"{parts.netloc}:{addresses.DEFAULT_PORTS[parts.scheme]}").geturl()


def _credentials(target: Target, secret: Mapping[str, str] | None) -> dict[str, Any]:
    """Values are checked here: the library would repeat a bad one in its error."""
    if target.auth.sigv4:
        raise Refused(f"target {target.name}: Elasticsearch knows no `sigv4`")
    if target.auth.none:
        return {}
    match secret:
        case {"api_key": str(key)} if key.isascii() and key.isprintable() and " " not in key and key:
            return {"api_key": key}
        case {"username": str(name), "password": str(password)} if name and ":" not in name:
            return {"basic_auth": base64.b64encode(f"{name}:{password}".encode()).decode()}  # a pair must be ASCII
    expected = '{"api_key": …} (the encoded key) or {"username": …, "password": …}'
    raise Refused(f"target {target.name}: its secret must be {expected}")

"""Credentials, certificates, addresses: what is sent, what is refused before anything is sent, what never shows."""

import base64
import logging
import re
import ssl
from pathlib import Path

import pytest

from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.spec import Auth, Tls
from chalicelib.engines.elasticsearch import connect
from tests.certificates import make_certificates
from tests.recorder import outcome
from tests.replay import Replay, Reply, target_of

REPOSITORY = Reply(body={"main": {"type": "fs", "settings": {}}})
SECRET = Auth(secret="shop-backup")
KEY = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
HIDDEN = "correct-horse-battery"


@pytest.mark.parametrize(
    ("secret", "header"),
    [
        ({"api_key": KEY}, f"ApiKey {KEY}"),
        ({"username": "bäckup", "password": "p:ä"}, "Basic " + base64.b64encode("bäckup:p:ä".encode()).decode()),
    ],
)
def test_credentials_are_sent(secret: dict[str, str], header: str) -> None:
    with Replay([REPOSITORY]) as server:
        connect(target_of(server.url, auth=SECRET), secret).repository("main")
    assert server.sent[0].headers["authorization"] == header


def test_an_open_cluster_gets_no_credentials_even_if_there_are_some() -> None:
    with Replay([REPOSITORY]) as server:
        connect(target_of(server.url), {"api_key": KEY}).repository("main")
    assert "authorization" not in {name.lower() for name in server.sent[0].headers}


@pytest.mark.parametrize(
    "secret",
    [
        None,
        {},
        {"api_key": ""},
        {"api_key": f"{HIDDEN}\r\nX-Other: 1"},
        {"api_key": f"{HIDDEN} {HIDDEN}"},
        {"username": "backup"},
        {"username": "", "password": HIDDEN},
        {"username": f"a:{HIDDEN}", "password": HIDDEN},
        {HIDDEN: HIDDEN},
    ],
)
def test_a_secret_that_cannot_work_is_refused_without_showing_it(secret: dict[str, str] | None) -> None:
    with pytest.raises(Refused, match="its secret must be") as refused:
        connect(target_of("http://127.0.0.1:1", auth=SECRET), secret)
    assert HIDDEN not in str(refused.value)


def test_secrets_never_show(caplog: pytest.LogCaptureFixture) -> None:
    echo = {"error": {"type": "security_exception", "reason": f"{HIDDEN} is wrong for shop-user"}}
    caplog.set_level(logging.DEBUG)
    with Replay([Reply(status=401, body=echo), Reply(hang_up=True), Reply(status=500, body=echo)]) as server:
        secret = {"username": "shop-user", "password": HIDDEN}
        engine = connect(target_of(server.url, auth=SECRET), secret)
        shown = [repr(engine), *(outcome(lambda: engine.look("main", "good")) for _ in range(3))]
    assert "*** is wrong for shop-user" in shown[1]
    plain = base64.b64encode(f"shop-user:{HIDDEN}".encode()).decode()
    for text in (
        *shown,
        *(record.getMessage() for record in caplog.records if record.name != "elastic_transport.node"),
    ):
        assert HIDDEN not in text
        assert plain not in text
    headers = [line for each in caplog.records for line in each.getMessage().splitlines() if "uthorization" in line]
    assert all("hidden" in line for line in headers)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("API key: api key is expired", "make a new one and put it into the secret"),
        ("API key: api key [p_Lw_qEBEje94hJGs1or] has been invalidated", "make a new one and put it into the secret"),
        ("API key: unable to find apikey with id p_Lw_qEBEje94hJGs1or", "look at the secret"),
    ],
)
def test_why_a_key_is_no_good_is_said_where_the_server_hides_it(said: str, advice: str) -> None:
    reason = "unable to authenticate with provided credentials and anonymous access is not allowed for this request"
    error = {"type": "security_exception", "reason": reason, "additional_unsuccessful_credentials": said}
    with Replay([Reply(status=401, body={"error": error, "status": 401})]) as server:
        told = outcome(lambda: connect(target_of(server.url, auth=SECRET), {"api_key": KEY}).look("main", "good"))
    assert re.search(rf"^Unauthenticated: .*{re.escape(said)} \(.*{advice} that `auth` names\)$", told)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"hosts": ()}, "no `hosts`"),
        ({"auth": Auth(sigv4="es")}, "sigv4"),
        ({"tls": Tls(ca="ca.pem")}, "are missing"),
    ],
)
def test_targets_that_cannot_work(more: dict[str, object], why: str) -> None:
    with pytest.raises(Refused, match=why):
        connect(target_of("https://127.0.0.1:1", **more), None)


def test_certificates_that_are_none() -> None:
    with pytest.raises(Refused, match="PEM"):
        connect(target_of("https://127.0.0.1:1", tls=Tls(ca="ca.pem")), None, ca="no certificate")


@pytest.mark.parametrize("host", ["https://es.internal", "http://es.internal/es", "http://[::1]:9200"])
def test_addresses_without_a_port_and_with_a_path(host: str) -> None:
    connection = connect(target_of(host, host), None)._connection  # type: ignore[attr-defined]
    connection._connect()


def test_certificates_are_verified_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server, made.key)
    pem = made.authority.read_text()
    with Replay([REPOSITORY] * 2, tls=context) as server:
        with pytest.raises(Retryable, match=r"not trusted.*tls\.ca"):
            connect(target_of(server.url), None).repository("main")
        assert connect(target_of(server.url, tls=Tls(ca="ca.pem")), None, ca=pem).repository("main") is not None
        assert connect(target_of(server.url, tls=Tls(insecure=True)), None).repository("main") is not None
    assert len(server.sent) == 2

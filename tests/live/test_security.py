"""A target with security on, over TLS: what keys and users may do, what they are told, and that docs/security.md is so.

9.2.0 answers alike; it is asked at night.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from chalicelib.bootstrap import connect as connect_spec
from chalicelib.core.errors import Refused, Retryable
from chalicelib.core.observations import Absent, Complete
from chalicelib.core.spec import Auth, Repository, Select, Tls
from chalicelib.engines.elasticsearch import ElasticsearchEngine
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_client import Connection
from infra.local.paths import CHECKOUT, Places
from tests.certificates import make_certificates
from tests.contract.records import a_spec
from tests.elastic_admin import Admin
from tests.fakes.secrets import FakeSecrets
from tests.live.secured import Role, Secured
from tests.record_answers import order
from tests.replay import target_of
from tests.secured_elasticsearch import SecuredElasticsearch, password
from tests.servers import started

DOCUMENT = CHECKOUT / "docs" / "security.md"
BOTH = ("orders", "other")
COUNTING = ("maintenance", "monitor")
ANY = tuple(range(200, 600))


@pytest.fixture(scope="module", params=["8.19.2", pytest.param("9.2.0", marks=pytest.mark.nightly)])
def secured(
    request: pytest.FixtureRequest, server_places: Places, server_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secured]:
    tls = make_certificates(tmp_path_factory.mktemp("tls"))
    root = server_root / f"secured-{request.param}-{uuid4().hex[:8]}"
    server = started(SecuredElasticsearch(server_places, request.param, root, tls=tls))
    admin = Admin(server.url, ("root", password("root")), ca=tls.authority)
    for name in BOTH:
        admin.create_index(name)
    admin.create_repository("main", "main")
    admin.send("PUT", "/_snapshot/main/good?wait_for_completion=true", {"indices": ",".join(BOTH)})
    yield Secured(server.url, tls.authority, admin)
    server.stop()


def fresh() -> str:
    return f"s-{uuid4().hex[:8]}"


def cluster(*privileges: str) -> Role:
    return {"cluster": list(privileges)}


def indices(*names: str, privileges: tuple[str, ...] = COUNTING) -> Role:
    return {"indices": [{"names": list(names), "privileges": list(privileges)}]}


# What each action allows -------------------------------------------------------------------------------------------


def resolve(connection: Connection) -> None:
    found = ElasticsearchEngine(connection).resolve(Select(indices=("*",)))
    assert set(BOTH) <= {index.name for index in found.indices}


def look(connection: Connection) -> None:
    engine = ElasticsearchEngine(connection)
    assert isinstance(engine.look("main", "good"), Complete)
    assert engine.look("main", "missing") == Absent()


def sizes(connection: Connection) -> None:
    assert ElasticsearchEngine(connection).sizes("main", "good").total > 0


def repository(connection: Connection) -> None:
    assert ElasticsearchEngine(connection).repository("main") is not None


def start(connection: Connection) -> None:
    engine = ElasticsearchEngine(connection)
    engine._streams = {}  # as after a `resolve`, which is another purpose
    engine.start(order("main", fresh(), *BOTH))


def register(connection: Connection) -> None:
    name = fresh()
    ElasticsearchEngine(connection).register(name, Repository(type="fs", settings={"location": name}))


def delete(connection: Connection) -> None:
    """There is no such snapshot, which is the answer to whoever may: no error."""
    ElasticsearchEngine(connection).delete("main", "missing")


def refresh(connection: Connection) -> None:
    asked = Question(method="counts", target="shop")
    body = connection.must(asked, lambda client: client.indices.refresh(index=list(BOTH)))
    assert body.body("_shards").number("successful") == len(BOTH)


def stats(connection: Connection) -> None:
    asked = Question(method="counts", target="shop")
    body = connection.must(asked, lambda client: client.indices.stats(index=list(BOTH), metric="docs", level="shards"))
    for index in BOTH:
        (shard,) = body.body("indices").body(index).body("shards").bodies("0")
        assert (shard.body("docs").number("count"), shard.body("seq_no").number("max_seq_no")) == (1, 0)


SMALLEST = {
    "cluster:monitor/state": resolve,
    "cluster:admin/snapshot/get": look,
    "cluster:admin/snapshot/status": sizes,
    "cluster:admin/repository/get": repository,
    "cluster:admin/snapshot/create": start,
    "cluster:admin/repository/put": register,
    "cluster:admin/snapshot/delete": delete,
    "indices:admin/refresh": refresh,
    "indices:monitor/stats": stats,
}


def role_of(actions: set[str]) -> Role:
    on_indices = tuple(sorted(action for action in actions if action.startswith("indices:")))
    return cluster(*sorted(actions - set(on_indices))) | (indices("*", privileges=on_indices) if on_indices else {})


@pytest.mark.parametrize("action", SMALLEST)
def test_each_purpose_needs_its_action_and_no_other(secured: Secured, action: str) -> None:
    use = SMALLEST[action]
    use(secured.connection(secured.key(role_of({action}))))
    with pytest.raises(Refused, match=rf"403 security_exception: action \[{action}\] is unauthorized"):
        use(secured.connection(secured.key(role_of(SMALLEST.keys() - {action}))))


def test_the_document_lists_these_actions() -> None:
    table = re.findall(r"^\| .* \| `(\w+:\S+)` \|$", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert table == list(SMALLEST)


def test_the_named_privileges_of_the_document_do(secured: Secured) -> None:
    rows = re.findall(r"^\| .* \| (\S+) \| (\S+) \| `(\w+:\S+)` \|$", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert len(rows) == len(SMALLEST)
    for on_cluster, on_indices, action in rows:
        named = cluster(on_cluster.strip("`")) if on_cluster != "none" else {}
        counted = indices("*", privileges=(on_indices.strip("`"),)) if on_indices != "none" else {}
        SMALLEST[action](secured.connection(secured.key(named | counted)))


def test_the_key_of_the_document_can_do_everything(secured: Secured) -> None:
    (written,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    encoded = secured.admin.send("POST", "/_security/api_key", json.loads(written))["encoded"]
    for use in SMALLEST.values():
        use(secured.connection({"api_key": encoded}))
    assert secured.engine({"api_key": encoded}).configuration().incomplete == {}


def test_the_role_of_the_document_can_do_everything_for_a_user(secured: Secured) -> None:
    (written,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    secured.admin.send("PUT", "/_security/role/snapwarden", json.loads(written)["role_descriptors"]["snapwarden"])
    user = {"password": "a-long-password", "roles": ["snapwarden"]}
    secured.admin.send("PUT", "/_security/user/snapwarden", user)
    for use in SMALLEST.values():
        use(secured.connection({"username": "snapwarden", "password": "a-long-password"}))


# The configuration beside a backup ----------------------------------------------------------------------------------


def test_what_a_key_may_not_see_of_the_configuration_is_said(secured: Secured) -> None:
    """The server leaves out aliases that a key may not see without a word."""
    alias = {"add": {"index": "orders", "alias": "sold", "filter": {"term": {"a": "b"}}}}
    secured.admin.send("POST", "/_aliases", {"actions": [alias]})
    state, settings, aliases = "cluster:monitor/state", "cluster:monitor/settings", "indices:admin/aliases/get"
    poor = secured.engine(secured.key(cluster(state))).configuration()
    half = secured.engine(
        secured.key(cluster(state, settings) | indices("other", privileges=(aliases,)))
    ).configuration()
    rich = secured.engine(secured.key(cluster(state, settings) | indices("*", privileges=(aliases,)))).configuration()
    assert poor.incomplete.keys() == {"cluster_settings", "aliases"}
    assert settings in poor.incomplete["cluster_settings"]
    assert aliases in poor.incomplete["aliases"]
    assert half.incomplete.keys() == {"aliases"}
    assert "sold" in half.incomplete["aliases"]
    assert rich.incomplete == {}
    assert rich.parts["aliases"]["orders"]["sold"] == {"filter": {"term": {"a": "b"}}}


# What a key may not count is left out in silence --------------------------------------------------------------------


@pytest.mark.parametrize("names", ["orders,other", "orders,other,missing"])
def test_asked_leniently_the_server_leaves_out_what_the_key_may_not_see(secured: Secured, names: str) -> None:
    """Why counts must never be taken from a lenient answer alone."""
    some = secured.as_key(indices("orders"))
    refreshed = some.send("POST", f"/{names}/_refresh?ignore_unavailable=true")
    counted = some.send("GET", f"/{names}/_stats/docs?level=shards&ignore_unavailable=true")
    assert refreshed["_shards"] == counted["_shards"] == {"total": 1, "successful": 1, "failed": 0}
    assert list(counted["indices"]) == ["orders"]


def test_asked_strictly_it_names_them_before_it_says_what_is_missing_or_closed(secured: Secured) -> None:
    secured.admin.create_index("shut")
    secured.admin.send("POST", "/shut/_close")
    some, all_ = secured.as_key(indices("orders")), secured.as_key(indices("*"))
    for name, answer in (("shut", "index_closed_exception"), ("missing", "index_not_found_exception")):
        for method, path in (("POST", "_refresh"), ("GET", "_stats/docs?level=shards")):
            refused, told = (who.send(method, f"/orders,{name}/{path}", ok=ANY)["error"] for who in (some, all_))
            assert f"on indices [{name}]" in refused["reason"]
            assert (told["type"], told["index"]) == (answer, name)


def test_a_grant_on_a_stream_covers_its_indices_and_one_on_an_alias_covers_none(secured: Secured) -> None:
    admin = secured.admin
    template = {"index_patterns": ["logs-*"], "data_stream": {}, "template": {"settings": {"number_of_replicas": 0}}}
    admin.send("PUT", "/_index_template/logs", {**template, "priority": 500})
    written = admin.send("POST", "/logs-shop/_doc", {"@timestamp": "2026-11-21T02:00:00Z"})["_index"]
    admin.send("POST", "/_aliases", {"actions": [{"add": {"index": "orders", "alias": "live"}}]})
    path = "_stats/docs?level=shards&ignore_unavailable=true"
    of_stream, of_alias = secured.as_key(indices("logs-shop")), secured.as_key(indices("live"))
    assert list(of_stream.send("GET", f"/{written}/{path}")["indices"]) == [written]
    assert of_alias.send("GET", f"/orders/{path}")["indices"] == {}


# Credentials that are no good ---------------------------------------------------------------------------------------


def test_a_user_of_the_file_realm(secured: Secured) -> None:
    engine = secured.engine({"username": "backup", "password": password("backup")})
    assert isinstance(engine.look("main", "good"), Complete)
    with pytest.raises(Refused, match=r"cluster:admin/repository/put\] is unauthorized for user \[backup\]"):
        engine.register("more", Repository(type="fs", settings={"location": "more"}))


def test_a_wrong_password(secured: Secured) -> None:
    with pytest.raises(Refused, match=r"unable to authenticate user \[backup\].*look at the secret that `auth` names"):
        secured.engine({"username": "backup", "password": "wrong-password"}).look("main", "good")


def test_a_key_that_nobody_made(secured: Secured) -> None:
    with pytest.raises(Refused, match=r"API key: invalid ApiKey value .*look at the secret that `auth` names"):
        secured.engine({"api_key": "bm90aGluZw=="}).look("main", "good")


def test_an_expired_key_says_what_to_do(secured: Secured) -> None:
    engine = secured.engine(secured.key(cluster("create_snapshot"), expiration="1ms"))
    with pytest.raises(Refused, match=r"api key is expired .*make a new one and put it into the secret"):
        engine.look("main", "good")


def test_a_key_that_was_revoked_between_two_looks_says_what_to_do(secured: Secured) -> None:
    engine = secured.engine(secured.key(cluster("create_snapshot")))
    assert isinstance(engine.look("main", "good"), Complete)
    secured.revoke_all()
    with pytest.raises(Refused, match=r"has been invalidated .*make a new one and put it into the secret"):
        engine.look("main", "good")


def test_a_secret_rotated_between_two_looks_is_used(secured: Secured) -> None:
    target = target_of(secured.url, auth=Auth(secret="shop"), tls=Tls(ca=secured.authority.read_text()))
    spec, reader = replace(a_spec(), target=target), FakeSecrets({"shop": secured.key(cluster("create_snapshot"))})
    assert isinstance(connect_spec(spec, reader).look("main", "good"), Complete)
    secured.revoke_all()
    reader.values["shop"] = secured.key(cluster("create_snapshot"))
    assert isinstance(connect_spec(spec, reader).look("main", "good"), Complete)


# TLS ------------------------------------------------------------------------------------------------------------------


def test_only_the_authority_that_the_file_names_is_trusted(secured: Secured, tmp_path: Path) -> None:
    secret = secured.key(cluster("create_snapshot"))
    stranger = replace(secured, authority=make_certificates(tmp_path).authority)
    with pytest.raises(Retryable, match=r"not trusted.*tls\.ca"):
        stranger.engine(secret).look("main", "good")
    assert isinstance(secured.engine(secret).look("main", "good"), Complete)

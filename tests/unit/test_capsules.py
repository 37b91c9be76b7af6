"""The capsule: no secret gets into it, names are no secrets, and what changed is found in few words."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import capsules
from chalicelib.core.capsules import REDACTED, Configuration, difference, without_secrets
from chalicelib.core.errors import Refused


def repository(**settings: object) -> dict[str, dict[str, Any]]:
    return {"repositories": {"main": {"type": "s3", "settings": settings}}}


def settings(configuration: Configuration) -> Any:
    return configuration.parts["repositories"]["main"]["settings"]


@pytest.mark.parametrize(
    "key",
    [
        *("password", "PASSWORD", "keystore.password", "passphrase", "passwd", "secret_key", "client_secret"),
        *("clientSecret", "token", "session_token", "sessionToken", "tokens", "credentials", "api_key", "apikey"),
        *("apiKey", "api.key", "access_key", "accessKey", "account_key", "private_key", "Authorization"),
    ],
)
@pytest.mark.parametrize("value", ["hunter2", 2222, ["hunter2"], {"inner": "hunter2"}, {"a": [{"b": "hunter2"}]}])
def test_a_value_under_a_key_that_looks_like_a_secret_is_taken_out(key: str, value: object) -> None:
    found = without_secrets(repository(**{"bucket": "b", key: value}), {})
    assert settings(found) == {"bucket": "b", key: REDACTED}
    assert found.redacted == (f"/repositories/main/settings/{key}",)


def test_secrets_are_found_in_lists_and_however_deep() -> None:
    body = {"processors": [{"http": {"headers": [{"Authorization": "Basic xyz"}]}}, {"set": {"value": 1}}]}
    found = without_secrets({"pipelines": {"p": body}}, {})
    assert "xyz" not in json.dumps(dict(found.parts))
    assert found.redacted == ("/pipelines/p/processors/0/http/headers/0/Authorization",)


def test_a_login_within_an_address_is_taken_out() -> None:
    found = without_secrets(repository(url="https://ann:hunter2@host:9/x?y", uri="hdfs://host:8020/"), {})
    assert settings(found) == {"url": "https://REDACTED@host:9/x?y", "uri": "hdfs://host:8020/"}
    assert found.redacted == ("/repositories/main/settings/url",)


def test_flat_settings_are_searched_by_their_whole_name() -> None:
    parts = {"cluster_settings": {"xpack.x.smtp.password": "hunter2", "cluster.max_shards_per_node": "5"}}
    found = without_secrets(parts, {})
    assert found.parts["cluster_settings"] == {"xpack.x.smtp.password": REDACTED, "cluster.max_shards_per_node": "5"}


def test_names_are_no_secrets() -> None:
    """A template that is called so, a field, an analyzer: it could never be put back."""
    analysis = {
        "analyzer": {"password_words": {"tokenizer": "standard", "filter": ["secret_words"]}},
        "filter": {"secret_words": {"type": "stop", "max_token_length": 5, "token_chars": ["letter"]}},
        "tokenizer": {"token": {"type": "ngram"}},
    }
    fields = {"password": {"type": "keyword", "fields": {"token": {"type": "text"}}}, "max_tokens": {"type": "long"}}
    body = {"template": {"settings": {"analysis": analysis}, "mappings": {"properties": fields}}}
    parts: dict[str, dict[str, Any]] = {
        "index_templates": {"secret-logs": body},
        "aliases": {"orders": {"access-key": {"is_write_index": True}}},
        "pipelines": {"p": {"processors": [{"inference": {"max_tokens": 5}}], "on_failure": None}},
    }
    found = without_secrets(parts, {})
    assert found.parts == parts
    assert found.redacted == ()


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.dictionaries(st.text(max_size=5), TREES), max_size=3))
def test_any_configuration_can_be_kept_and_is_read_back(bodies: dict[str, dict[str, Any]]) -> None:
    configuration = without_secrets({"pipelines": bodies}, {"aliases": "why"})
    kept = capsules.sealed(configuration, backup_id="b", policy="p", target="t")
    assert capsules.opened(kept) == configuration
    assert kept == capsules.sealed(configuration, backup_id="b", policy="p", target="t"), "the same bytes each time"
    assert difference(configuration, configuration).count == 0


@given(*[st.dictionaries(st.text(max_size=2), st.dictionaries(st.text(max_size=2), TREES), max_size=3)] * 2)
def test_what_differs_is_found_and_turned_round_is_the_opposite(one: dict[str, Any], other: dict[str, Any]) -> None:
    before, after = (Configuration(parts={"pipelines": of}) for of in (one, other))
    there, back = difference(before, after), difference(after, before)
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
    assert (there.count == 0) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@pytest.mark.parametrize("content", ["{}", "[]", '{"a'])
def test_what_is_sealed_and_no_capsule_is_refused(content: str) -> None:
    with pytest.raises(Refused, match="can't be read"):
        capsules.opened(gzip.compress(content.encode()))


@pytest.mark.parametrize("content", [b"", b"{}"])
def test_what_is_no_capsule_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="can't be read"):
        capsules.opened(content)


def test_a_new_template_is_one_difference_and_a_changed_one_says_where() -> None:
    before = {"index_templates": {"a": {"priority": 1, "template": {"settings": {"x": 1}}}, "old": {"priority": 1}}}
    after: dict[str, dict[str, Any]] = {
        "index_templates": {"a": {"priority": 2, "template": {"settings": {"x": 1, "y": {"z": 2}}}}, "new": {"b": 1}},
        "cluster_settings": {"indices.recovery.max_bytes_per_sec": "5mb"},
        "data_streams": {"logs": [".ds-logs-1"]},
    }
    found = difference(Configuration(parts=before), Configuration(parts=after))
    assert found.added == (
        "/cluster_settings/indices.recovery.max_bytes_per_sec",
        "/data_streams/logs",
        "/index_templates/a/template/settings/y",
        "/index_templates/new",
    )
    assert found.removed == ("/index_templates/old",)
    assert found.changed == ("/index_templates/a/priority",)


def test_a_stream_that_rolled_over_is_no_difference() -> None:
    one, two = ({"data_streams": {"logs": members}} for members in (["a"], ["a", "b"]))
    assert difference(Configuration(parts=one), Configuration(parts=two)).count == 0


def test_what_could_not_be_read_was_not_removed() -> None:
    """A privilege that is gone would show every alias as removed, and back again the day after."""
    whole = Configuration(parts={"aliases": {"orders": {"live": {}}}})
    part = Configuration(parts={}, incomplete={"aliases": "403"})
    assert difference(whole, part).count == difference(part, whole).count == 0


def test_findings_name_the_part_and_are_warnings() -> None:
    (found,) = capsules.incomplete(Configuration(parts={}, incomplete={"aliases": "403 …"}))
    assert (found.code, found.severity, found.subject) == ("capsule.incomplete", "warning", "aliases")
    assert "403" in found.message
    assert capsules.missing("nightly", "no answer").code == "capsule.missing"

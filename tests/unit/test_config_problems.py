"""An example of every problem: its line, its key, and what was expected."""

import pytest

from chalicelib.core.config import load
from chalicelib.core.errors import BadInput
from tests.unit.small_config import SMALL, changed, policy


def problems(text: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        load(text, "f")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a]", "f:1: found a list (expected a mapping with version, targets, policies)"),
        ("word", "f:1: found 'word' (expected a mapping with version, targets, policies)"),
        (SMALL.replace("version: 1\n", ""), "f:1: version: is missing (expected 1)"),
        (SMALL.replace("version: 1", "version: true"), "f:1: version: version true is not known here (expected 1)"),
        (
            "version: 1\ntargets: []\npolicies: {}\n",
            "f:2: targets: found a list (expected a mapping of names to targets)",
        ),
        ("version: 1\ntargets: {}\npolicies: {}\n", "f:2: targets: is empty (expected a mapping of names to targets)"),
        (SMALL.split("policies")[0], "f:1: policies: is missing (expected a mapping of names to policies)"),
        (
            changed({"auth: {secret: shop-backup}": "auth: {secret: {password: geheim}}"}),
            "f:6: targets.shop.auth.secret: found this (expected text)",
        ),
        (
            changed({"secret: shop-backup": "secret: 'geheim!'"}),
            (
                "f:6: targets.shop.auth.secret: this is not the name of a secret "
                "(expected the name or the ARN of a secret in Secrets Manager)"
            ),
        ),
        (
            changed({"secret: shop-backup": "sigv4: es"}),
            (
                "f:6: targets.shop.auth.sigv4: sigv4 is for Amazon OpenSearch Service, not for elasticsearch "
                "(expected {secret: NAME} or {none: true})"
            ),
        ),
        (
            changed({"engine: elasticsearch": "engine: ravendb"}),
            "f:4: targets.shop.engine: engine ravendb is not available yet; available: elasticsearch",
        ),
        (
            changed({"https://es.internal:9200": "https://e:9200, https://e:9200"}),
            "f:5: targets.shop.hosts[1]: 'https://e:9200' is there twice (expected each address once)",
        ),
        (
            changed({"https://es.internal:9200": "'https://[::1'"}),
            "f:5: targets.shop.hosts[0]: this is not an address (expected an address like https://es.internal:9200)",
        ),
        (
            changed({"settings: {location: main}": "settings: {}"}),
            "f:8: targets.shop.repositories.main.settings.location: is missing (expected where the fs repository is)",
        ),
        (
            changed({"repository: main": "repository: mian"}),
            (
                "f:12: policies.nightly.repository: 'mian' is no repository of shop; did you mean 'main'? "
                "(expected one of main)"
            ),
        ),
        (
            changed({"location: main": "location: main, readonly: true"}),
            "f:12: policies.nightly.repository: 'main' can only be read (expected one that backups can be written to)",
        ),
        (
            changed({'["orders-*"]': "[]"}),
            (
                "f:13: policies.nightly.select.indices: is empty "
                '(expected indices and data streams: [orders-*]; all: ["*"])'
            ),
        ),
        (
            changed({"nightly:": "a" * 41 + ":"}),
            (
                f"f:10: policies.{'a' * 41}: '{'a' * 41}' is not a name "
                "(expected 1 to 40 of a-z, 0-9 and -, not starting with -)"
            ),
        ),
        (
            policy("timezone: ../../etc/passwd"),
            (
                "f:15: policies.nightly.timezone: '../../etc/passwd' is not a time zone "
                "(expected a time zone like UTC or Europe/Berlin)"
            ),
        ),
        (policy("timeout: 0s"), "f:15: policies.nightly.timeout: a run needs time (expected more than 0s)"),
        (
            policy("timeout:"),
            "f:15: policies.nightly.timeout: has no value (expected a duration like 90s, 15m, 26h, 14d or 8w)",
        ),
        (policy("drill:"), "f:15: policies.nightly.drill: has no value (expected a value, or no such key)"),
        (
            policy("contract: {must_include: [x], min_docs: }"),
            "f:15: policies.nightly.contract.min_docs: has no value (expected a value, or no such key)",
        ),
        (policy("rpo: {}"), "f:15: policies.nightly.rpo: is empty (expected 26h, or {L2: 26h, L4: 8d})"),
        (policy("rpo: 0s"), "f:15: policies.nightly.rpo: no backup is that young (expected at least 1m)"),
        (
            policy("jitter: 24h"),
            (
                "f:15: policies.nightly.jitter: slots are as close as 1d, so this jitter could let one overtake "
                "another (expected less than 1d)"
            ),
        ),
        (
            policy("retention: {keep_last: -1}"),
            "f:15: policies.nightly.retention.keep_last: -1 is too small (expected at least 0)",
        ),
        (
            policy("drill: {schedule: rate(7 days), into: {prefix: test-}}"),
            (
                "f:15: policies.nightly.drill.into.prefix: shop does not allow to restore to test-… "
                "(expected a prefix that its restore.allow covers (restored-*, drill-*))"
            ),
        ),
        (
            policy("drill: {schedule: rate(7 days), into: {target: shp}}"),
            (
                "f:15: policies.nightly.drill.into.target: 'shp' is no target of this file; did you mean 'shop'? "
                "(expected one of shop)"
            ),
        ),
        (
            policy("contract: {must_include: [orders-1]}\n    select: {indices: [x]}"),
            "f:16: policies.nightly.select: this key is already there in line 13 (expected each key once)",
        ),
        (
            changed({'schedule: "0 2 * * *"': "schedule: [rate(1 day), rate(1 day)]"}),
            "f:14: policies.nightly.schedule[1]: 'rate(1 day)' is there twice (expected each schedule once)",
        ),
        (
            policy("max_shrink: 20%"),
            (
                "f:15: policies.nightly.max_shrink: unknown key (expected one of blackout, catch_up, contract, drill, "
                "jitter, notify, prove, repository, retention, rpo, schedule, select, target, timeout, timezone, "
                "triggers)"
            ),
        ),
    ],
    ids=lambda value: value[:60].replace("\n", " "),
)
def test_a_problem_has_its_line_its_key_and_what_was_expected(text: str, told: str) -> None:
    assert problems(text) == [told]

"""The file as a whole: every problem at once, each with its place and what was expected."""

import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.core.config import load, not_active_yet
from chalicelib.core.config.document import MAX_BYTES
from chalicelib.core.errors import BadInput
from chalicelib.service.config_file import read_config
from tests.conftest import TESTS
from tests.unit.small_config import SMALL, changed, policy

GOLDEN = TESTS / "golden"
EXAMPLE = (GOLDEN / "snapwarden.yaml").read_text()


def warnings(text: str) -> list[str]:
    return [str(warning) for warning in load(text, "f").warnings]


def test_the_example_of_the_documentation_has_no_problem_and_no_warning() -> None:
    config = load(EXAMPLE, "snapwarden.yaml")
    assert config.warnings == ()
    nightly = config.policies["nightly"]
    assert nightly.notify.on == ("failure", "recovery")
    assert nightly.rpo == {"L2": timedelta(hours=26)}
    assert config.targets["shop"].restore.keep_old == timedelta(hours=24)


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        load((GOLDEN / "config_problems.yaml").read_bytes(), "snapwarden.yaml")
    assert f"{caught.value}\n" == (GOLDEN / "config_problems.txt").read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (changed({'    schedule: "0 2 * * *"\n': ""}), "f:10: policies.nightly.schedule: there is none: only people"),
        (changed({"https://": "http://"}), "f:5: targets.shop.hosts: credentials go over http unencrypted"),
        (
            changed({"    repositories": "    tls: {insecure: true}\n    repositories"}),
            "f:7: targets.shop.tls.insecure: certificates are not verified",
        ),
        (
            changed({"    repositories": '    restore: {allow: ["*"]}\n    repositories'}),
            "f:7: targets.shop.restore.allow[0]: '*' lets a restore write over live names",
        ),
        (policy("rpo: 20h"), "f:15: policies.nightly.rpo: 20h can't be kept: up to 1d lie between slots"),
        (policy("rpo: {L1: 8d, L2: 26h}"), "f:15: policies.nightly.rpo.L1: L2 is promised younger than L1"),
        (policy("prove: L4"), "f:10: policies.nightly: L4 is reached by drills, and there is no `drill`"),
        (
            policy("drill: {schedule: rate(7 days), checks: [{query: {index: customers, body: {match_all: {}}}}]}"),
            "f:15: policies.nightly.drill.checks: all are queries, and none looks at all that 'orders-*' may mean",
        ),
        (policy("catch_up: 30s"), "f:15: policies.nightly.catch_up: counts as 2m"),
        (
            policy("blackout: ['22:00-09:30']\n    catch_up: 1h"),
            "f:16: policies.nightly.catch_up: every slot is MISSED: 1h after it the blackout still lasts",
        ),
        (policy("prove: L2"), "f:10: policies.nightly.contract: says nothing of what a backup must hold: an empty one"),
        (policy("prove: L2\n    contract: {allow_partial: true}"), "f:16: policies.nightly.contract: says nothing of"),
        (policy("notify: {on: []}"), "f:15: policies.nightly.notify.on: nobody is told of anything"),
        (
            policy("contract: {must_include: [customers]}"),
            "f:15: policies.nightly.contract.must_include[0]: 'customers' is matched by nothing",
        ),
        (SMALL.split("policies")[0] + "policies: {}\n", "f:3: targets.shop: no policy protects it"),
    ],
    ids=lambda value: value[-60:].replace("\n", " "),
)
def test_a_warning_has_a_place_too(text: str, told: str) -> None:
    assert warnings(text)[0].startswith(told)


@pytest.mark.parametrize(
    "line",
    [
        "prove: L2\n    contract: {min_docs: 1}",
        "prove: L2\n    contract: {max_shrink: 20%}",
        "contract: {allow_partial: true}",
        "blackout: ['22:00-09:30']\n    catch_up: 8h",
        "blackout: ['Mon-Fri 00:00-24:00']\n    catch_up: 1h",
        "blackout: ['03:00-09:30']\n    catch_up: 1h",
    ],
)
def test_what_says_enough_and_starts_at_times_is_not_warned_of(line: str) -> None:
    assert warnings(policy(line)) == []


def test_two_clusters_in_one_bucket_are_warned_of() -> None:
    shop = SMALL.split("targets:\n")[1].split("policies")[0].replace("{type: fs, settings: {location: main}}", "S3")
    text = f"version: 1\ntargets:\n{shop}{shop.replace('shop:', 'logs:')}policies: {{}}\n"
    text = text.replace("S3", "{type: s3, settings: {bucket: b}}")
    assert any("target shop writes to the same place" in warning for warning in warnings(text))


def test_a_repository_that_is_never_touched_may_have_any_name() -> None:
    text = changed(
        {"main: {type: fs,": "Found_It: {type: fs, manage: false,", "repository: main": "repository: Found_It"}
    )
    assert list(load(text, "f").targets["shop"].repositories) == ["Found_It"]


def test_policies_share_by_anchors_and_merge_keys() -> None:
    text = changed({"nightly:": "nightly: &n"}) + "  hourly:\n    <<: *n\n    schedule: rate(1 hour)\n"
    assert load(text, "f").policies["hourly"].select.indices == ("orders-*",)


def test_the_digest_sees_the_meaning_and_not_the_layout() -> None:
    first = load(SMALL, "f").digest
    assert load("# words\n" + SMALL.replace('"0 2 * * *"', "['0 2 * * *']"), "g").digest == first
    assert load(SMALL.replace("0 2", "0 3"), "f").digest != first


def test_what_is_not_active_yet_is_said() -> None:
    told = not_active_yet(load(EXAMPLE, "f"))
    assert any(line.startswith("`retention` (policy nightly): ") for line in told)
    assert [line.split("`")[1] for line in told] == ["retention"]
    assert not_active_yet(load(SMALL, "f")) == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["prove: L2", "rpo: 26h", "contract: {min_docs: 1}"], []),
        (["prove: L3"], ["`prove` (policy nightly): judged at L2 for now"]),
        (["rpo: {L2: 26h, L3: 8d}"], ["`rpo` (policy nightly): a promise at L3 is judged at L2 for now"]),
        (["rpo: {L2: 26h, L4: 8d}"], []),
        (["prove: L4", "rpo: 26h"], []),
    ],
)
def test_what_acts_is_not_called_later(written: list[str], told: list[str]) -> None:
    assert not_active_yet(load(policy("\n    ".join(written)), "f")) == told


def test_a_topic_that_nobody_made_is_refused() -> None:
    with pytest.raises(BadInput, match="reports to it would reach nobody"):
        load(policy("notify: {topic: pager}"), "f")


def test_problems_travel_between_processes() -> None:
    problem = load(policy("catch_up: 30s"), "f").warnings[0]
    assert pickle.loads(pickle.dumps(problem)) == problem


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "none.yaml", "there is no such file"),
        (tmp_path, "this is a folder"),
        (tmp_path / "a\0b", "the file cannot be read"),
        (tmp_path / ("x" * 5000), "the file cannot be read"),
    ):
        with pytest.raises(BadInput, match=words):
            read_config(path)
    (tmp_path / "big").write_bytes(b"#" * (MAX_BYTES + 10))
    with pytest.raises(BadInput, match="at most 1,000,000"):
        read_config(tmp_path / "big")
    (tmp_path / "good.yaml").write_text(SMALL)
    assert read_config(tmp_path / "good.yaml").policies.keys() == {"nightly"}

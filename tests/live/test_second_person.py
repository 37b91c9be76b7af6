"""Two people with keys of their own on a whole stage: one plans and starts, the other one approves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import pytest
import yaml

from tests.stages import Stage

OWN = {"shared": {"type": "fs", "settings": {"location": "shared"}}}
POLICY = {"select": {"indices": ["precious"]}, "repository": "shared", "prove": "L2"}
Keys = Mapping[str, str]


@contextmanager
def typing(stage: Stage, keys: Keys) -> Iterator[Stage]:
    """The commands of somebody with these variables in the environment."""
    yield Stage(stage.folder, stage.checkout, {**stage.environ, **keys}, stage.reports, stage.events)


def person(stage: Stage, name: str) -> tuple[str, Keys]:
    """An IAM user of the stage: ARN, and the environment of a shell with his access key."""
    iam = stage.client("iam")
    arn = iam.create_user(UserName=f"{name}-{uuid4().hex[:6]}")["User"]["Arn"]
    key = iam.create_access_key(UserName=arn.rpartition("/")[2])["AccessKey"]
    return arn, {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture
def backed_up(stage: Stage) -> Iterator[Stage]:
    stage.elastic.create_index("precious", documents=20)
    stage.apply({"shared": POLICY}, repositories=OWN)
    stage.run("backup", "shared", "--wait")
    yield stage
    stage.elastic.send("DELETE", "/precious")
    for name in ("first-precious", "alone-precious"):
        if name in stage.elastic.send("GET", "/_alias"):
            stage.elastic.send("DELETE", f"/{name}")


def test_one_plans_the_other_approves_and_both_are_in_the_ledger(backed_up: Stage) -> None:
    stage = backed_up
    (anna, her), (ben, his) = person(stage, "anna"), person(stage, "ben")
    with typing(stage, her) as by_anna, typing(stage, his) as by_ben:
        plan = by_anna.ask("restore", "plan", "--policy", "shared", "--prefix", "first-")
        assert (plan["made_by"], plan["approval"], plan["startable"]) == (anna, ["first-precious"], True)
        assert "a second person must approve" in by_anna.run("restore", "start", plan["plan_id"], expect=2).stderr
        assert "made the plan" in by_anna.run("restore", "approve", plan["plan_id"], expect=2).stderr
        given = by_ben.ask("restore", "approve", plan["plan_id"])
        assert (given["approved_by"], given["used_by"]) == (ben, None)
        assert "approved it" in by_ben.run("restore", "start", plan["plan_id"], expect=2).stderr
        run = by_anna.ask("restore", "start", plan["plan_id"], "--wait")
    assert (run["state"], run["requested_by"], run["approved_by"]) == ("SUCCEEDED", anna, ben)
    assert stage.elastic.send("GET", "/first-precious/_count")["count"] == 20
    body = stage.report_of(run["run_id"])["body"]
    assert anna in body
    assert ben in body
    details = [event["detail"] for event in stage.events_of(run["run_id"], until="SUCCEEDED")]
    assert {detail["approved_by"] for detail in details} == {ben}
    assert [backup["users"] for backup in stage.ask("backups", "--policy", "shared")] == [[]]


def test_who_brings_no_keys_is_nobody_and_can_break_the_glass(backed_up: Stage) -> None:
    """The environment's own keys are not of this stage, and neither are made-up ones."""
    stage = backed_up
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    strange = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "x"}
    with typing(stage, without) as nobody, typing(stage, strange) as other:
        shown = " ".join(nobody.run("restore", "plan", "--policy", "shared", "--prefix", "alone-").stdout.split())
        assert "user/moto, made-up credentials, the same for everybody" in shown
        plan = nobody.ask("restore", "plan", "--policy", "shared", "--prefix", "alone-")["plan_id"]
        assert "anybody without keys" in other.run("restore", "approve", plan, expect=2).stderr
        run = nobody.ask("restore", "start", plan, "--break-glass", "--why", "nobody else is up", "--wait")
    assert (run["state"], run["break_glass"]["why"]) == ("SUCCEEDED", "nobody else is up")
    told = stage.report(key=f"{run['run_id']}#break-glass")
    assert "BREAK-GLASS restore shared on cluster" in told["subject"]
    assert "broke the glass: nobody else is up" in stage.report_of(run["run_id"])["body"]


def test_half_a_pair_of_keys_and_a_silent_aws_stop_everything(backed_up: Stage) -> None:
    plans = ("restore", "plan", "--policy", "shared")
    with typing(backed_up, {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": ""}) as half:
        assert "credentials" in half.run(*plans, expect=3).stderr


def test_a_held_cluster_takes_no_backup_until_it_is_released(aside: Stage) -> None:
    stage = aside
    said = stage.run("hold", "aside", "--why", "index deleted").stdout
    assert "nothing but restores begins" in " ".join(said.split())
    assert stage.report(kind="hold", state="HELD", target="aside")["subject"].endswith("index deleted")
    assert "held by" in stage.run("backup", "aside", expect=1).stderr
    stage.run("release", "aside")
    assert stage.report(kind="hold", state="RELEASED", target="aside")
    assert stage.ask("backup", "aside", "--wait")["good"]


@pytest.fixture
def aside(stage: Stage) -> Stage:
    """With a target that no other test of the session waits for: the same cluster by another name."""
    stage.elastic.create_index("aside", documents=3)
    written = yaml.safe_load(stage.file({"aside": {"select": {"indices": ["aside"]}, "target": "aside"}}))
    written["targets"] = {"aside": written["targets"]["cluster"]}
    file = stage.folder / "aside.yaml"
    file.write_text(yaml.safe_dump(written))
    stage.run("apply", str(file))
    return stage

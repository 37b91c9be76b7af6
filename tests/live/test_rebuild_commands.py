"""A lost cluster back by the commands that people type, on a whole stage and a real Elasticsearch."""

from tests.live.test_second_person import person, typing
from tests.stages import Stage

OWN = {"whole": {"type": "fs", "settings": {"location": "whole"}}}
POLICIES = {
    name: {"select": {"indices": [pattern]}, "repository": "whole", "prove": "L2"}
    for name, pattern in (("whole-first", "whole-a*"), ("whole-second", "whole-b*"))
}
TEMPLATE = {"index_patterns": ["whole-never-*"], "composed_of": ["whole-base"], "priority": 911}


def test_everything_comes_back_in_its_order_with_another_ones_approval(stage: Stage) -> None:
    stage.elastic.send("PUT", "/_component_template/whole-base", {"template": {"settings": {"number_of_shards": 1}}})
    stage.elastic.send("PUT", "/_index_template/whole", TEMPLATE)
    stage.elastic.send("PUT", "/_ingest/pipeline/whole", {"processors": []})
    for name, priority in (("whole-a", 1), ("whole-a-first", 90), ("whole-b", 1)):
        stage.elastic.create_index(name, documents=20, settings={"index.priority": priority})
    alias = {"index": "whole-a", "alias": "whole", "is_write_index": True}
    stage.elastic.send("POST", "/_aliases", {"actions": [{"add": alias}]})
    stage.apply(POLICIES, repositories=OWN)
    for policy in POLICIES:
        stage.run("backup", policy, "--wait")
    for path in ("whole-a", "whole-a-first", "whole-b", "_index_template/whole", "_component_template/whole-base"):
        stage.elastic.send("DELETE", f"/{path}")
    stage.elastic.send("DELETE", "/_ingest/pipeline/whole")

    (_, her), (ben, his) = person(stage, "anna"), person(stage, "ben")
    with typing(stage, her) as by_anna, typing(stage, his) as by_ben:
        plan = by_anna.ask("restore", "plan", "--everything", "--target", "cluster", "--skip", "3")
        kinds = [(phase["does"], phase["names"], phase["priority"]) for phase in plan["phases"]]
        assert ("indices", 1, 90) in kinds
        assert kinds.index(("indices", 1, 90)) == 3
        assert kinds[-1] == ("aliases", 1, None)
        assert by_anna.run("restore", "start", plan["plan_id"], expect=2).stderr
        assert "whole-first" in by_ben.run("restore", "approve", plan["plan_id"]).stdout
        run = by_anna.ask("restore", "start", plan["plan_id"], "--wait")

    assert (run["state"], run["approved_by"], run["indices"]) == ("SUCCEEDED", ben, 3)
    others = {found["code"] for found in run["findings"]}  # of policies that other tests have left on the stage
    assert others <= {"rebuild.no_backup"}, run["findings"]
    for name in ("whole-a", "whole-a-first", "whole-b"):
        assert stage.elastic.send("GET", f"/{name}/_count")["count"] == 20
    assert stage.elastic.send("GET", "/_alias/whole")["whole-a"]["aliases"]["whole"]["is_write_index"] is True
    templates = stage.elastic.send("GET", "/_index_template/whole")["index_templates"]
    assert templates[0]["index_template"]["composed_of"] == ["whole-base"]
    assert stage.elastic.send("GET", "/_ingest/pipeline/whole")["whole"] == {"processors": []}
    settings = stage.elastic.send("GET", "/whole-a-first/_settings")["whole-a-first"]["settings"]["index"]
    assert settings["priority"] == "90"
    again = stage.ask("restore", "plan", "--everything", "--target", "cluster", expect=1)
    assert "restore.nothing" in [found["code"] for found in again["findings"]]

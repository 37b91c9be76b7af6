"""What events ask for, through the real store and driver: one run or one refusal, whatever dies and comes again."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core import requests, triggers
from chalicelib.core.errors import BadInput, Refused, Retryable, Taken
from chalicelib.core.messages import Event
from chalicelib.core.model import State
from chalicelib.service import ask, request
from tests.faults.test_restores import L2, NAMES, backed_up, made
from tests.faults.world import Killed, Stage

ID = "17793124-05d4-b198-2fde-7ededc63b103"
TRIGGERED = L2 + "    triggers: [{pattern: {source: [aws.codedeploy]}}, {pattern: {source: [x]}, action: restore}]\n"


def event(stage: Stage, what: str, **detail: Any) -> str:
    head = {"id": ID, "detail-type": what, "source": "ci", "time": stage.clock.now().isoformat()}
    return json.dumps({**head, "detail": detail})


def backup(stage: Stage, **more: Any) -> str:
    return event(stage, "Backup Requested", **{"policy": "nightly", **more})


def restore(stage: Stage, **more: Any) -> str:
    return event(stage, "Restore Requested", **{"policy": "nightly", **more})


def refused(stage: Stage) -> list[Event]:
    return [told for told in stage.bus.events if told.detail_type == "Request Refused"]


def told_of(stage: Stage) -> list[str]:
    return [report.subject for report in stage.notifier.reports if "REFUSED" in report.subject]


def test_a_backup_that_is_asked_for_runs() -> None:
    stage = Stage(L2)
    ask.handle(stage.world, backup(stage, request_id="release-7", requested_by="ben", reason="release"))
    stage.live(1)
    run = stage.run("backup:nightly:release-7")
    assert (run.state, run.requested_by) == (State.SUCCEEDED, "event:ci (ben: release)")
    assert refused(stage) == []


def test_a_restore_that_is_asked_for_comes_back_under_new_names() -> None:
    stage = backed_up()
    ask.handle(stage.world, restore(stage))
    stage.live(1)
    assert (stage.run(f"restore:nightly:{ID}").state, made(stage)) == (State.SUCCEEDED, NAMES)


def test_names_beyond_what_is_allowed_wait_for_a_person() -> None:
    stage = backed_up()
    ask.handle(stage.world, restore(stage, prefix="copy-"))
    stage.live(1)
    run = stage.run(f"restore:nightly:{ID}")
    assert (run.state, stage.engine.sent("restore"), refused(stage)) == (State.DEFERRED, 0, [])
    (report,) = [report for report in stage.notifier.reports if "DEFERRED" in report.subject]
    assert run.plan
    assert run.plan in report.body
    asked = f"snapwarden restore plan --policy nightly --backup {run.snapshot} --prefix copy-"
    assert asked in " ".join(report.body.split()), "what the event asked for, and not all of the policy"
    assert "restore plan --policy nightly  " not in report.body


@pytest.mark.parametrize("make", [backup, restore])
def test_the_same_event_twice_is_one_run(make: Callable[..., str]) -> None:
    stage = backed_up()
    body = make(stage)
    for _ in range(3):
        ask.handle(stage.world, body)
        stage.live(1)
    assert len(stage.store.runs()) == 2
    assert refused(stage) == []


@pytest.mark.parametrize(
    ("make", "other"),
    [(backup, {"reason": "another"}), (restore, {"prefix": "restored-b-"})],
    ids=["backup", "restore"],
)
def test_another_request_under_the_same_id_is_refused_as_a_conflict(make: Callable[..., str], other: Any) -> None:
    stage = backed_up()
    ask.handle(stage.world, make(stage, request_id="r-1"))
    ask.handle(stage.world, make(stage, request_id="r-1", **other))
    (told,) = refused(stage)
    assert (told.detail["status"], told.detail["request_id"]) == (409, "r-1")
    assert "snapwarden show" in str(told.detail["next_step"])
    assert len(stage.store.runs()) == 2


def test_a_command_under_the_id_of_an_event_is_the_same_run_and_an_id_is_kept_for_its_words() -> None:
    stage = Stage(L2)
    ask.handle(stage.world, backup(stage, request_id="r-1"))
    stage.live(1)
    assert stage.backup("r-1").run_id == "backup:nightly:r-1"
    with pytest.raises(Taken, match="in other words"):
        request.backup_now(stage.world, "nightly", request_id="r-1", requested_by="x", payload="other")


@pytest.mark.parametrize(
    ("what", "detail", "told"),
    [
        ("Backup Requested", {"policy": "nigthly"}, "there is no policy nigthly (expected perhaps nightly)"),
        ("Backup Requested", {"polcy": "nightly"}, "did you mean 'policy'?"),
        ("Restore Requested", {"policy": "nightly"}, "policy nightly has no good backup"),
        ("Restore Requested", {"policy": "nightly", "backup": "backup:nightly:x"}, "there is no backup"),
        ("Restore Requested", {"policy": "nightly", "mode": "swap"}, "swap touches live data"),
        ("Drop Requested", {"policy": "nightly"}, "'Drop Requested' asks for nothing"),
    ],
)
def test_what_can_not_be_done_is_refused_aloud_and_never_comes_again(what: str, detail: Any, told: str) -> None:
    """A program reads the event; people are mailed only of restores, whose data somebody waits for."""
    stage = Stage(L2)
    ask.handle(stage.world, event(stage, what, **detail))
    (answer,) = refused(stage)
    assert told in str(answer.detail["reason"])
    assert (answer.detail["event_id"], answer.detail["status"]) == (ID, 400)
    assert answer.detail["next_step"]
    assert len(told_of(stage)) == (1 if what == "Restore Requested" else 0)
    assert stage.metrics.total("RequestsRefused") == 1
    assert stage.store.runs() == ()


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        (
            {"policy": "nigthly", "foo": 1, "request_id": "No", "mode": "swap"},
            ["foo", "request_id", "swap touches live data", "there is no policy nigthly (expected perhaps nightly)"],
        ),
        ({"foo": 1, "backup": "backup:nightly:x", "into": "moon"}, ["foo", "there is no backup", "moon"]),
        ({"backup": "backup:nightly:x", "into": "moon"}, ["there is no backup", "moon"]),
        ({"backup": "?", "into": "?"}, ["backup", "into"]),
    ],
)
def test_every_problem_is_in_the_refusal_whether_the_words_or_the_rows_tell_it(detail: Any, told: list[str]) -> None:
    """Whoever mends what is named, and sends it again, is not to be refused for what was wrong all along."""
    stage = Stage(L2)
    ask.handle(stage.world, restore(stage, **detail))
    (answer,) = refused(stage)
    problems: Any = answer.detail["problems"]
    assert len(problems) == len(told)
    for part in told:
        assert part in str(answer.detail["reason"])


def test_a_retired_policy_is_not_backed_up() -> None:
    stage = Stage(L2)
    stage.apply(L2.replace("nightly:", "weekly:"), prune=True)
    ask.handle(stage.world, backup(stage))
    assert "policy nightly is retired" in str(refused(stage)[0].detail["reason"])


def test_a_trigger_starts_what_the_file_in_force_says() -> None:
    stage = backed_up(TRIGGERED)
    for trigger in triggers.rules("local", [_policy(stage)]):
        ask.handle(stage.world, sent(stage, trigger.template))
    stage.live(1)
    assert stage.run(f"backup:nightly:{ID}").state is State.SUCCEEDED
    assert stage.run(f"restore:nightly:{ID}").state is State.SUCCEEDED
    assert stage.run(f"backup:nightly:{ID}").requested_by == "event:ci (Some Change)"


@pytest.mark.parametrize("prune", [False, True], ids=["changed", "retired"])
def test_a_rule_that_is_behind_the_file_starts_nothing(prune: bool) -> None:
    stage = backed_up(TRIGGERED)
    rules = triggers.rules("local", [_policy(stage)])
    stage.apply(L2.replace("nightly:", "weekly:") if prune else L2, prune=prune)
    ask.handle(stage.world, sent(stage, rules[0].template))
    (told,) = refused(stage)
    assert "the rule that sent this is not of the file in force" in str(told.detail["reason"])
    assert "apply FILE" in str(told.detail["next_step"])
    assert len(stage.store.runs()) == 1


def test_what_wraps_nothing_of_ours_starts_nothing() -> None:
    stage = Stage(L2)
    for wrapped in ({"policy": "no\ud800body", "trigger": "x"}, {"policy": "nobody"}, {"policy": 7}, "x", None):
        body = json.dumps({"snapwarden_trigger": wrapped, "event": json.loads(backup(stage))})
        ask.handle(stage.world, body)
    assert stage.store.runs() == ()
    assert len(refused(stage)) == 5


@pytest.mark.parametrize("part", ["store", "bus", "notifier"])
def test_no_answer_of_the_world_makes_the_message_come_again(part: str) -> None:
    """A refusal that could not be told is told when it comes again, under the same key."""
    stage = Stage(L2)
    body = restore(stage, mode="swap")
    if part == "store":
        silent: Any = lambda policy: (_ for _ in ()).throw(Retryable("no answer"))  # noqa: E731
        stage.store.state = silent  # type: ignore[method-assign]
    else:
        getattr(stage, part).fail(Retryable("no answer"))
    with pytest.raises(Retryable):
        ask.handle(stage.world, body)
    if part == "store":
        del stage.store.state
    ask.handle(stage.world, body)
    assert len({told.key for told in refused(stage)}) == 1
    assert len(told_of(stage)) == 1


def test_a_topic_that_refuses_is_not_passed_over() -> None:
    stage = Stage(L2)
    stage.notifier.fail(Refused("AccessDenied"))
    with pytest.raises(Refused):
        ask.handle(stage.world, restore(stage, mode="swap"))


def test_others_at_the_policy_s_row_all_the_time_are_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = backed_up()
    monkeypatch.setattr(stage.store, "commit", lambda *changes: False)
    with pytest.raises(Retryable, match="being changed by others all the time"):
        ask.handle(stage.world, backup(stage))
    assert refused(stage) == []


def _effects(make: Callable[[Stage], str]) -> list[str]:
    stage = backed_up()
    stage.fuse.effects.clear()
    ask.handle(stage.world, make(stage))
    return list(stage.fuse.effects)


def _bad(stage: Stage) -> str:
    return restore(stage, mode="swap")


CRASHES = [
    pytest.param(make, number, after, id=f"{make.__name__}-{number}-{name}-{'after' if after else 'before'}")
    for make in (backup, restore, _bad)
    for number, name in enumerate(_effects(make))
    for after in (False, True)
]


@pytest.mark.parametrize(("make", "number", "after"), CRASHES)
def test_the_process_dies_at_any_side_effect_and_the_message_comes_again(
    make: Callable[[Stage], str], number: int, after: bool
) -> None:
    """One run, or one refusal under one key, and everybody is told."""
    stage = backed_up()
    body = make(stage)
    stage.fuse.effects.clear()
    stage.fuse.kill_at, stage.fuse.after = number, after
    with pytest.raises(Killed):
        ask.handle(stage.world, body)
    stage.fuse.kill_at = None
    ask.handle(stage.world, body)
    stage.live(5)
    runs = [run for run in stage.store.runs() if run.slot == ID]
    if make is _bad:
        assert runs == []
        assert len({told.key for told in refused(stage)}) == 1
        assert told_of(stage)
        return
    assert [(run.state, run.told) for run in runs] == [(State.SUCCEEDED, True)]
    assert refused(stage) == []


def test_a_message_that_comes_late_finds_its_run_ended() -> None:
    stage = backed_up()
    first, second = restore(stage, request_id="r-1"), restore(stage, request_id="r-2", prefix="restored-b-")
    ask.handle(stage.world, second)
    stage.live(1)
    ask.handle(stage.world, first)
    ask.handle(stage.world, second)
    stage.live(1)
    assert {run.state for run in stage.store.runs(kind="restore")} == {State.SUCCEEDED}
    assert stage.engine.sent("restore") == 2


def sent(stage: Stage, template: str) -> str:
    """As EventBridge fills the template of a rule."""
    return template.replace("<aws.events.event.json>", event(stage, "Some Change", state="START"))


def _policy(stage: Stage) -> Any:
    state = stage.store.state("nightly")
    assert state
    return stage.world.spec("nightly", state.spec_gen).policy


def test_errors_of_input_are_none_of_the_world() -> None:
    """Else a mistake would come again five times and be buried as a dead letter."""
    assert not issubclass(BadInput, Retryable | Refused)
    assert requests.FRESH.total_seconds() == 86_400

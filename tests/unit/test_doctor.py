"""`doctor`: what a run will need is tried for real, in an order that leaves nothing behind."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.core.diagnosis import NEXT, Result, Status
from chalicelib.core.errors import BadInput, Refused, Retryable, Unauthenticated
from chalicelib.core.observations import Observation, Owner
from chalicelib.service import control
from chalicelib.service.doctor import doctor
from tests.faults.world import FILE, Stage

COUNTED = FILE.replace("    timeout: 4h\n", "    timeout: 4h\n    prove: L2\n")
UNMANAGED = FILE.replace("settings: {location: main}", "settings: {location: main}, manage: false")


def examined(stage: Stage, target: str | None = None) -> tuple[Result, ...]:
    return doctor(stage.world, target, wait=lambda seconds: None)


def status(results: Sequence[Result]) -> dict[str, str]:
    """By check; there is one line of each here."""
    assert len({result.check for result in results}) == len(results), results
    return {result.check.removeprefix("doctor."): result.status.value for result in results}


def the(results: Sequence[Result], check: str) -> Result:
    (found,) = [result for result in results if result.check == f"doctor.{check}"]
    return found


WELL = ["secret", "reachable", "resolve", "registration", "readable", "delete", "snapshot", "select", "settings"]


def test_all_is_well_in_the_order_in_which_things_depend_on_each_other() -> None:
    found = status(examined(Stage()))
    assert list(found) == WELL
    assert set(found.values()) == {"ok"}


def test_it_leaves_nothing_behind_but_the_registration_that_a_run_would_make() -> None:
    stage = Stage()
    assert "as the first run would do" in the(examined(stage), "registration").message
    assert stage.engine.snapshots() == ()
    assert list(stage.engine.repositories) == ["main"]
    assert stage.engine.sent("try_out") == 1
    assert stage.engine.sent("start") == 0
    assert stage.store.backups("nightly") == ()
    assert (stage.notifier.reports, stage.bus.events) == ([], [])
    assert "registered as the file says" in the(examined(stage), "registration").message


def test_the_right_to_delete_is_tried_first_on_a_name_that_does_not_exist() -> None:
    stage = Stage()
    examined(stage)
    asked = [method for method, _ in stage.engine.requests]
    assert asked.index("delete") < asked.index("try_out")


def test_without_the_right_to_delete_no_snapshot_is_made_and_it_says_so() -> None:
    stage = Stage()
    stage.engine.refuse("delete", "403 the action cluster:admin/snapshot/delete is needed")
    found = examined(stage)
    assert (the(found, "delete").status, the(found, "snapshot").status) == (Status.MISSING, Status.WARNING)
    assert "cluster:admin/snapshot/delete is needed" in the(found, "delete").message
    assert "no throw-away snapshot was taken" in the(found, "snapshot").message
    assert stage.engine.sent("try_out") == 0


def test_a_repository_at_work_is_not_disturbed() -> None:
    """A deletion would wait for the running snapshot, and the next one for the deletion."""
    stage = Stage(looks=None)
    stage.until_slot()
    stage.live(0.2)
    found = examined(stage)
    assert the(found, "snapshot").status is Status.WARNING
    assert "backup:nightly:2026-11-21T02:00Z works on the same repository" in the(found, "snapshot").message
    assert stage.engine.sent("try_out") == 0


@pytest.mark.parametrize(
    ("method", "check", "stops"),
    [
        ("repository", "registration", "readable"),
        ("register", "registration", "readable"),
        ("look", "readable", "delete"),
        ("try_out", "snapshot", None),
    ],
)
def test_each_refusal_is_one_line_with_what_is_missing(method: str, check: str, stops: str | None) -> None:
    stage = Stage()
    stage.engine.refuse(method, "403 the privilege that is called so is needed")
    found = examined(stage)
    missing = [result for result in found if result.status is Status.MISSING]
    assert [(result.check, result.subject) for result in missing] == [(f"doctor.{check}", "main")]
    assert "the privilege that is called so" in missing[0].message
    assert stops not in status(found)
    assert stage.engine.snapshots() == ()


def test_a_refused_resolve_is_said_once_and_the_rest_is_still_tried() -> None:
    stage = Stage()
    for _ in range(2):
        stage.engine.refuse("resolve", "403 the cluster privilege monitor is needed")
    found = status(examined(stage))
    assert found == {check: "missing" if check == "resolve" else "ok" for check in WELL if check != "select"}


def test_credentials_that_are_not_accepted_are_one_line_and_nothing_else_is_asked() -> None:
    stage = Stage()
    stage.engine.refuse("resolve", Unauthenticated("401 api key is expired"))
    found = examined(stage)
    assert status(found) == {"secret": "ok", "reachable": "ok", "credentials": "missing", "settings": "ok"}
    assert stage.engine.calls == 1


def test_a_target_without_an_answer_cannot_be_told() -> None:
    stage = Stage()
    stage.engine.outage(100)
    found = examined(stage)
    assert status(found) == {"secret": "ok", "reachable": "unknown", "settings": "ok"}
    assert the(found, "reachable").subject == "http://localhost:9200"


@pytest.mark.parametrize(("error", "says"), [(Refused("no such secret"), "missing"), (Retryable("down"), "unknown")])
def test_a_secret_that_cannot_be_read_ends_it(error: Exception, says: str) -> None:
    stage = Stage(FILE.replace("{none: true}", "{secret: shop-login}"))

    def connect(spec: object) -> None:
        raise error

    object.__setattr__(stage.world, "engine", connect)
    found = examined(stage)
    assert status(found) == {"secret": says, "settings": "ok"}
    assert the(found, "secret").subject == "shop-login"


def test_what_nobody_verifies_or_encrypts_is_a_warning() -> None:
    stage = Stage(FILE.replace("auth: {none: true}", "auth: {secret: shop-login}\n    tls: {insecure: true}"))
    told = [result.message for result in examined(stage) if result.check == "doctor.tls"]
    assert told == ["certificates are not verified (`insecure: true`)", "credentials are sent without encryption"]


def test_a_repository_that_the_file_does_not_manage_is_not_registered() -> None:
    stage = Stage(UNMANAGED)
    found = examined(stage)
    assert the(found, "registration").status is Status.MISSING
    assert stage.engine.sent("register") == 0


def test_a_repository_that_differs_is_left_alone() -> None:
    stage = Stage()
    examined(stage)
    stage.apply(FILE.replace("location: main", "location: elsewhere"))
    found = examined(stage)
    assert "location is 'main', the file says 'elsewhere'" in the(found, "registration").message
    assert stage.engine.repositories["main"].definition.settings == {"location": "main"}


def test_a_snapshot_that_fails_is_said_and_removed() -> None:
    stage = Stage()
    examined(stage)
    original = stage.engine.complete

    def fails(snapshot: str, **how: object) -> None:
        original(snapshot)
        stage.engine.break_(snapshot, "no space left on device")

    stage.engine.complete = fails  # type: ignore[method-assign]
    found = examined(stage)
    assert the(found, "snapshot").status is Status.MISSING
    assert "no space left on device" in the(found, "snapshot").message
    assert stage.engine.snapshots() == ()


def test_a_snapshot_whose_answer_was_lost_is_looked_for_and_removed() -> None:
    stage = Stage()
    original = stage.engine.try_out

    def lost(repository: str, snapshot: str, owner: Owner) -> None:
        original(repository, snapshot, owner)
        raise Retryable("no answer within 10 s")

    stage.engine.try_out = lost  # type: ignore[method-assign]
    assert the(examined(stage), "snapshot").status is Status.OK
    assert stage.engine.snapshots() == ()


def test_a_snapshot_that_cannot_be_deleted_again_is_named() -> None:
    stage = Stage()
    times = iter([None, Retryable("no answer")])
    original = stage.engine.delete

    def delete(repository: str, snapshot: str) -> None:
        if error := next(times):
            raise error
        original(repository, snapshot)

    stage.engine.delete = delete  # type: ignore[method-assign]
    *_, left = [result for result in examined(stage) if result.check == "doctor.snapshot"]
    (name,) = stage.engine.snapshots()
    assert left.status is Status.UNKNOWN
    assert f"{name} was left behind" in left.message


def test_ctrl_c_leaves_no_snapshot() -> None:
    stage = Stage()
    stage.engine.look = _interrupted_at(2, stage)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        examined(stage)
    assert stage.engine.sent("try_out") == 1
    assert stage.engine.snapshots() == ()


def _interrupted_at(number: int, stage: Stage) -> Any:
    original, asked = stage.engine.look, iter(range(1, 100))

    def look(repository: str, snapshot: str, *, running: bool = False) -> Observation:
        if next(asked) == number:
            raise KeyboardInterrupt
        return original(repository, snapshot, running=running)

    return look


def test_counts_are_tried_only_where_a_policy_needs_them() -> None:
    assert "counts" not in status(examined(Stage()))
    stage = Stage(COUNTED)
    stage.engine.create_index("orders", documents=7)
    assert the(examined(stage), "counts").message == "7 documents in 1 index were counted"
    stage.engine.refuse("refresh", "403 the privilege maintenance is needed on each index")
    assert the(examined(stage), "counts").status is Status.MISSING


def test_a_red_index_is_a_warning_of_the_counts() -> None:
    stage = Stage(COUNTED)
    stage.engine.create_index("orders", red=True)
    assert "orders can't be counted now" in the(examined(stage), "counts").message


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [('["wether*"]', "missing"), ('["orders*", "wether*"]', "warning"), ('["orders*", "custmers"]', "missing")],
)
def test_a_selection_that_matches_nothing_is_said_before_a_run_fails(patterns: str, expected: str) -> None:
    stage = Stage(FILE.replace('["orders*"]', patterns))
    assert the(examined(stage), "select").status.value == expected


def test_an_alias_that_must_be_included_means_the_index_that_it_stands_for() -> None:
    """A name that became an alias, by a swap say, must not fail each run from then on; one of another index must."""
    contract = "    timeout: 4h\n    contract: {must_include: [current, orders]}\n"
    stage = Stage(FILE.replace('["orders*"]', "[current]").replace("    timeout: 4h\n", contract))
    stage.engine.create_index("orders", aliases=("current",))
    assert the(examined(stage), "select").status is Status.OK
    stage.backup("now-1")
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    stage.engine.indices["orders"].aliases = ()
    stage.engine.create_index("orders-2", aliases=("current",))
    told = the(examined(stage), "select")
    assert told.status is Status.MISSING
    assert "must_include: orders names no index or data stream that is selected, nor an alias of one" in told.message
    stage.backup("now-2")
    stage.live(1)
    run = stage.run("backup:nightly:now-2")
    assert (run.good, [(found.code, found.subject) for found in run.findings]) == (
        False,
        [("contract.must_include", "orders")],
    )


def test_settings_that_contradict_each_other_are_said() -> None:
    stage = Stage(FILE.replace("    timeout: 4h\n", "    timeout: 30h\n    rpo: 20h\n"))
    control.pause(stage.world, "nightly", by="ann", why="migration")
    told = [result.message for result in examined(stage) if result.check == "doctor.settings"]
    assert any("can't be kept: up to 1d lie between slots" in message for message in told)
    assert any("a run that hangs ends after 30 h" in message for message in told)
    assert any("paused by ann" in message for message in told)


def test_only_the_named_target_and_an_unknown_one_is_told_with_the_nearest() -> None:
    target, policy = FILE.partition("targets:\n")[2].split("policies:\n")
    attic = target.replace("shop", "attic"), policy.replace("nightly", "old").replace("shop", "attic")
    stage = Stage(FILE.replace("policies:\n", f"{attic[0]}policies:\n{attic[1]}"))
    assert {result.target for result in examined(stage)} == {"attic", "shop"}
    assert {result.target for result in examined(stage, "attic")} == {"attic"}
    with pytest.raises(BadInput, match=r"no policy uses a target shpo.*perhaps shop"):
        examined(stage, "shpo")


def test_every_line_that_is_not_ok_names_what_to_do_next() -> None:
    stage = Stage()
    stage.engine.refuse("delete", "403")
    assert all((result.status is Status.OK) == (result.next_step is None) for result in examined(stage))
    assert {result.check for result in examined(stage)} <= set(NEXT)

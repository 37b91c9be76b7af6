"""What `restore plan` and `restore start` print: the time that it takes, who waits, and of very many the most
important. The world behind it is in memory."""

import json

import pytest

from chalicelib.cli import plan_lines
from chalicelib.cli.output import Output
from chalicelib.core.plans import Move
from tests.app.terminal import Type
from tests.faults.second_person import BEN
from tests.faults.world import FILE, Stage

MANY = 25
L2 = FILE.replace("    timeout: 4h", "    timeout: 4h\n    prove: L2")


@pytest.fixture
def stage() -> Stage:
    """A backup of many indices."""
    stage = Stage(L2, indices=tuple(f"orders-{n:02d}" for n in range(MANY)))
    stage.engine.write("orders-00", 10)
    stage.backup()
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    return stage


def test_a_plan_shows_twenty_and_what_the_others_come_to(snapwarden: Type) -> None:
    short = snapwarden("restore", "plan", "--policy", "nightly")
    assert short.out.count("restored-orders-") == 20
    assert "and 5 more" in short.words
    assert "--all shows them" in short.words
    whole = snapwarden("restore", "plan", "--policy", "nightly", "--all")
    assert whole.out.count("restored-orders-") == MANY
    assert "--all" not in whole.out
    assert len(json.loads(snapwarden("--json", "restore", "plan", "--policy", "nightly").out)["indices"]) == MANY


def test_who_approves_sees_the_names_that_it_is_for(snapwarden: Type) -> None:
    copies = ("--policy", "nightly", "--prefix", "copy-")
    shown = snapwarden("restore", "plan", *copies)
    assert (
        "25 names beyond `restore.allow`: copy-orders-00, copy-orders-01, copy-orders-02 and 22 others" in shown.words
    )
    plan = json.loads(snapwarden("--json", "restore", "plan", *copies).out)["plan_id"]
    approved = snapwarden("restore", "approve", plan, who=BEN)
    assert "copy-orders-19 and 5 others" in approved.words
    assert "copy-orders-23, copy-orders-24 FROM" in snapwarden("restore", "approve", plan, "--all", who=BEN).words


def test_many_conflicts_of_a_kind_are_counted(stage: Stage, snapwarden: Type) -> None:
    for n in range(MANY):
        stage.engine.create_index(f"restored-orders-{n:02d}")
    done = snapwarden("restore", "plan", "--policy", "nightly")
    assert (done.code, done.out.count("restore.name_taken")) == (1, 5)
    assert "(and so for 20 more, which are not listed)" in done.words
    assert "25 conflicts: it will not be started" in done.words


def test_how_long_it_takes_is_said_in_the_plan_and_at_its_start_and_then_known(stage: Stage, snapwarden: Type) -> None:
    first = snapwarden("restore", "plan", "--policy", "nightly")
    assert "at 38.1 MiB a second, which is assumed" in first.words
    plan = json.loads(snapwarden("--json", "restore", "plan", "--policy", "nightly").out)
    assert plan["expected_seconds"] is None
    done = snapwarden("restore", "start", plan["plan_id"])
    assert done.out.strip() == f"restore:nightly:{plan['plan_id']}"
    assert "takes about" in done.err
    assert f"watch it: snapwarden show restore:nightly:{plan['plan_id']} --follow\n" in done.err
    stage.live(2)
    plan = json.loads(snapwarden("--json", "restore", "plan", "--policy", "nightly", "--prefix", "restored-b-").out)
    assert plan["expected_seconds"] >= 10 + MANY


def test_a_backup_that_is_mistyped_is_not_taken_for_one_of_another_policy(stage: Stage, snapwarden: Type) -> None:
    """A backup of another policy would be refused in the next breath."""
    others = "  hourly: {target: shop, repository: main, select: {indices: [orders-01]}}\n"
    stage.apply(L2 + others)
    done = snapwarden("restore", "plan", "--policy", "hourly", "--backup", "snapwarden-nope")
    assert (done.code, "nightly" in done.err, "there is no backup snapwarden-nope" in done.err) == (2, False, True)
    own = snapwarden(
        "restore", "plan", "--policy", "nightly", "--backup", stage.run("backup:nightly:now-1").snapshot[:-1]
    )
    assert f"perhaps {stage.run('backup:nightly:now-1').snapshot}" in " ".join(own.err.split())


def test_a_plan_that_was_carried_out_is_not_taken_for_a_new_success(stage: Stage, snapwarden: Type) -> None:
    plan = json.loads(snapwarden("--json", "restore", "plan", "--policy", "nightly").out)["plan_id"]
    assert "already" not in snapwarden("restore", "start", plan).err
    assert "was started already at" in " ".join(snapwarden("restore", "start", plan).err.split())
    stage.live(2)
    for words in ((), ("--wait",), ("--wait", "--json")):
        done = snapwarden("restore", "start", plan, *words)
        assert done.code == 0
        told = " ".join(done.err.split())
        assert f"{plan} was carried out already at 2026-" in told
        assert "(SUCCEEDED); nothing was done now" in told
        assert "takes" not in told
    assert stage.engine.sent("restore") == 1


def test_backups_that_would_wait_are_named_before_it_starts(stage: Stage, snapwarden: Type) -> None:
    """The slot of the night is a second away."""
    state = stage.store.state("nightly")
    assert state is not None
    assert state.due_at is not None
    assert "restore.holds_up" not in snapwarden("restore", "plan", "--policy", "nightly").out
    stage.clock.advance((state.due_at - stage.clock.now()).total_seconds() - 1)
    done = snapwarden("restore", "plan", "--policy", "nightly")
    assert (done.code, "restore.holds_up: started now, it holds up backups: nightly (" in done.words) == (0, True)
    plan = json.loads(snapwarden("--json", "restore", "plan", "--policy", "nightly").out)["plan_id"]
    assert "restore.holds_up" in snapwarden("restore", "start", plan).err


def test_long_bodies_and_calls_of_a_kind_are_cut_and_few_short_ones_are_left_alone() -> None:
    """By hand nobody types what is longer; --all prints it."""
    names = [f"i-{n}" for n in range(1000)]
    restore = f"POST /_snapshot/r/s/_restore?wait_for_completion=false {json.dumps({'indices': names, 'x': [1, 2]})}"
    blocks = [f"PUT /{name}/_block/write" for name in names]
    clones = [f'POST /{name}/_clone/{name}-before {{"settings": {{}}}}' for name in names]
    mixed = [call for pair in zip(blocks, clones, strict=True) for call in pair]
    short = list(plan_lines.short_calls([restore, *mixed]))
    assert len(short) == 1 + 2 * (3 + 1)
    assert short[0] == "POST /_snapshot/r/s/_restore?wait_for_completion=false {...}"
    assert "... and 997 more of PUT /NAME/_block (--all shows them)" in short
    few = [restore.replace(json.dumps(names), '["a"]'), *mixed[:20]]
    assert list(plan_lines.short_calls(few)) == few


def test_what_is_wrong_is_read_before_what_is_sent(stage: Stage, snapwarden: Type) -> None:
    """A page of JSON would push the warnings out of sight."""
    stage.engine.create_index("restored-orders-00")
    short = snapwarden("restore", "plan", "--policy", "nightly", "--prefix", "copy-").out
    assert short.index("restore.approval") < short.index("what is sent:\n  restore ")


def test_that_bodies_are_left_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    call = f"POST /_snapshot/r/s/_restore?wait_for_completion=false {json.dumps({'rename_replacement': 'x' * 100})}"
    out = Output(stage=None, json=False)
    plan_lines.say_calls(out, [call], every=False)
    said = capsys.readouterr().out
    assert said.startswith("what is sent (--all shows the bodies):\n  POST ")
    assert "rename_replacement" not in said
    plan_lines.say_calls(out, [call], every=True)
    assert f"what is sent:\n  {call}\n" == capsys.readouterr().out


def test_a_plan_of_nothing_says_no_room_and_no_time(snapwarden: Type) -> None:
    done = snapwarden("restore", "plan", "--policy", "nightly", "--indices", "nobody-*")
    assert done.code == 1
    assert "nothing would be restored" in done.out
    assert ("needs" in done.out, "takes" in done.out) == (False, False)


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_what_is_to_be_typed_stands_whole_on_a_line_of_its_own(
    snapwarden: Type, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken by us it could not be pasted, however narrow the terminal is."""
    monkeypatch.setenv("COLUMNS", columns)
    lines = snapwarden("restore", "plan", "--policy", "nightly", "--prefix", "copy-").out.splitlines()
    plan = lines[0].split()[0]
    assert f"  snapwarden restore approve {plan}" in lines
    assert f"  snapwarden restore start {plan} --wait" in lines


def test_the_biggest_come_first_only_when_some_are_left_out() -> None:
    moves = [Move(source=f"i-{n:02d}", name=f"r-{n:02d}", shards=1, bytes=n) for n in range(22)]
    shown, others = plan_lines.biggest(moves, every=False)
    assert [move.bytes for move in shown] == list(range(21, 1, -1))
    assert others == "and 2 more, 1 B (--all shows them)"
    assert plan_lines.biggest(moves, every=True) == (moves, "")
    assert plan_lines.biggest(moves[:20], every=False) == (moves[:20], "")

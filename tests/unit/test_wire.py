"""Records as JSON: nothing is lost on the way, rows of other releases stay readable, and what is published stays so."""

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.evidence import Evidence
from chalicelib.core.messages import Drain, Event, Message, Report, Sweep, Wakeup
from chalicelib.core.model import Run
from chalicelib.core.observations import Absent, Broken, Complete, InProgress
from chalicelib.core.rows import Backup, Pause, PolicyState, Spec, TargetSpec
from chalicelib.core.wire import dump, load, message, millis, public_backup, public_run, seconds
from tests.contract.records import NOON, a_backup, a_full_run, a_run, a_spec, at
from tests.unit.stored_rows import ROWS, STORED

SENT = (Wakeup, Drain, Sweep, Event, Report, Absent, InProgress, Complete, Broken)

INSTANTS = st.integers(-(10**15), 10**17).map(lambda micros: NOON + timedelta(microseconds=micros))
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: INSTANTS,
    types.NoneType: st.none(),
    object: st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=5,
    ),
}
PLAIN[Any] = PLAIN[object]


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a record's type, every field filled."""
    if kind in PLAIN:
        return PLAIN[kind]
    if get_origin(kind) in (Union, types.UnionType):
        return st.one_of(*(anything(part) for part in get_args(kind)))
    if get_origin(kind) is tuple:
        return st.lists(anything(get_args(kind)[0]), max_size=3).map(tuple)
    if get_origin(kind) is Mapping:
        return st.dictionaries(anything(get_args(kind)[0]), anything(get_args(kind)[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    assert isinstance(kind, type), kind
    assert is_dataclass(kind), kind
    return st.builds(kind, **{name: anything(hint) for name, hint in get_type_hints(kind).items()})


RECORDS = [kind for kind in dict.fromkeys((*STORED.values(), *SENT)) if kind not in (Spec, TargetSpec)]


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_records_come_back(kind: type[Any], data: st.DataObject) -> None:
    record = data.draw(anything(kind))
    text = dump(record)
    assert load(kind, text) == load(kind, text.encode()) == record
    assert dump(load(kind, text)) == text


def test_a_spec_comes_back() -> None:
    assert load(Spec, dump(a_spec())) == a_spec()
    other = TargetSpec(target=a_spec().target, gen=7)
    assert load(TargetSpec, dump(other)) == other


@pytest.mark.parametrize("name", STORED)
def test_stored_rows_stay_readable(name: str) -> None:
    """These files are what releases have written. Add to them; never change one."""
    text = (ROWS / f"{name}.json").read_text()
    again = json.loads(dump(load(STORED[name], text)))
    assert missing(json.loads(text), again) == []


def missing(before: Any, after: Any, place: str = "") -> list[str]:
    """What of `before` is not the same in `after`, which may hold more."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [lost for key, value in before.items() for lost in missing(value, after.get(key), f"{place}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = zip(before, after, strict=True)
        return [lost for n, (old, new) in enumerate(pairs) for lost in missing(old, new, f"{place}[{n}]")]
    return [] if before == after else [f"{place}: {before!r} became {after!r}"]


def test_every_file_of_a_row_is_read() -> None:
    assert {path.stem for path in ROWS.iterdir()} == set(STORED)


@pytest.mark.parametrize("kind", RECORDS[: -len(SENT)], ids=lambda kind: kind.__name__)
def test_every_stored_field_has_a_value_of_its_own_in_the_files(kind: Any) -> None:
    """A field that stands nowhere but as null or as its default could change its meaning unseen."""
    rows: list[Any] = [
        load(kind, (ROWS / f"{name}.json").read_text()) for name, stored in STORED.items() if stored is kind
    ]
    required = {field.name for field in fields(kind) if field.default is field.default_factory is MISSING}
    bare = kind(**{name: getattr(rows[0], name) for name in required})
    defaults = {field.name: getattr(bare, field.name) for field in fields(kind) if field.name not in required}
    told = {name for row in rows for name, default in defaults.items() if getattr(row, name) != default}
    assert set(defaults) - told == set()


def test_rows_of_the_first_release_mean_what_they_meant() -> None:
    """Where a field has been added since, its default must fit what the old release knew."""
    run = load(Run, (ROWS / "run_v1.json").read_text())
    assert (run.lease, run.fence, run.waiting, run.cancel, run.usual) == ("", None, None, None, None)
    state = load(PolicyState, (ROWS / "policy_state_v1.json").read_text())
    assert (state.breach_at, state.broken_since, state.cause, state.recent, state.muted) == (None, None, None, (), None)
    assert load(Evidence, (ROWS / "evidence_v1.json").read_text()).counts == ()
    paused = load(PolicyState, (ROWS / "policy_state_paused_v1.json").read_text()).paused
    assert paused == Pause(by="anna", why="a migration", at=at(-5))


@pytest.mark.parametrize(
    "sent",
    [
        Wakeup(run_id="r", rev=3, claim="c", emitted_rev=2),
        Drain(shard=3, now=NOON),
        Sweep(policy="nightly", run_id="r"),
    ],
)
def test_a_message_is_what_was_sent(sent: Message) -> None:
    assert message(dump(sent)) == sent


@pytest.mark.parametrize("text", ["", "{}", '{"rev": 3}', '{"shard": "x", "now": "y"}', "[]"])
def test_what_no_queue_of_ours_sent_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        message(text)


@pytest.mark.parametrize("name", STORED)
def test_unknown_fields_are_ignored(name: str) -> None:
    text = (ROWS / f"{name}.json").read_text()

    def grown(value: Any) -> Any:
        """A field more in every object, but not in maps by name."""
        if isinstance(value, list):
            return [grown(item) for item in value]
        if not isinstance(value, dict):
            return value
        more = {
            key: value[key]
            if key in ("settings", "rpo", "pattern", "body", "holders", "promised_at", "leftovers", "failed_in")
            else grown(value[key])
            for key in value
        }
        by_name = value and all(isinstance(item, dict) for item in value.values())
        return more if by_name else {**more, "shoe_size": {"eu": 43}}

    changed = json.dumps(grown(json.loads(text)))
    assert "shoe_size" in changed
    assert load(STORED[name], changed) == load(STORED[name], text)


@pytest.mark.parametrize("name", STORED)
def test_missing_fields_take_their_defaults(name: str) -> None:
    kind: Any = STORED[name]
    required = {field.name for field in fields(kind) if field.default is field.default_factory is MISSING}
    row = {key: value for key, value in json.loads((ROWS / f"{name}.json").read_text()).items() if key in required}
    bare = load(kind, json.dumps(row))
    for field in fields(kind):
        if field.default is not MISSING:
            assert getattr(bare, field.name) == field.default


def test_what_cannot_be_read_is_an_error() -> None:
    row = json.loads((ROWS / "run.json").read_text())
    for changed in ({**row, "state": "DREAMING"}, {key: row[key] for key in row if key != "policy"}):
        with pytest.raises(ValueError, match="validation error"):
            load(Run, json.dumps(changed))
    with pytest.raises(ValueError, match="Invalid JSON"):
        load(Run, '{"run_id": "backup:nig')


A_FINDING = {
    "code": "contract.must_include",
    "severity": "error",
    "subject": "customers",
    "message": "customers is not in the snapshot",
    "next_step": "Look at `select`.",
}


def test_a_run_in_public() -> None:
    """The shape of the interface document, to the letter."""
    assert public_run(a_full_run(missed=0, missed_from=None, last_error=None, cancel=None, repeats=0)) == {
        "run_id": "backup:nightly:now-00000",
        "kind": "backup",
        "policy": "nightly",
        "target": "shop",
        "repository": "main",
        "slot": "now-00000",
        "requested_by": "anna",
        "state": "PARTIAL",
        "reason": "2 of 12 shards failed",
        "level": "L1",
        "good": True,
        "snapshot": "snapwarden-k3f9-nightly-r00000",
        "created_at": "2026-11-21T12:00:00Z",
        "started_at": "2026-11-21T12:00:02Z",
        "finished_at": "2026-11-21T12:01:01Z",
        "deadline_at": "2026-11-21T16:00:00Z",
        "attempts": 1,
        "progress": {"done": 10, "total": 12, "unit": "shards", "bytes_done": 900, "bytes_total": 1000},
        "indices": 4,
        "docs": 120_345,
        "bytes": 73_400_320,
        "bytes_added": 1_048_576,
        "shards": {"total": 12, "failed": 2},
        "findings": [A_FINDING],
        "steps": [
            {"state": "STARTING", "at": "2026-11-21T12:00:01Z"},
            {"state": "RUNNING", "at": "2026-11-21T12:00:02Z"},
        ],
        "calls": {"engine": 5, "store_reads": 3, "store_writes": 6, "messages": 4},
    }


def test_a_run_in_public_has_every_key_from_the_start() -> None:
    full, bare = public_run(a_full_run()), public_run(a_run())
    assert set(full) - set(bare) == {"missed", "missed_from", "last_error", "cancel", "repeats"}
    assert [key for key in bare if bare[key] is None] == [
        *(
            "reason",
            "level",
            "started_at",
            "finished_at",
            "progress",
            "indices",
            "docs",
            "bytes",
            "bytes_added",
            "shards",
        )
    ]
    assert (full["missed"], full["missed_from"]) == (2, "2026-11-20T12:00:00Z")
    assert full["repeats"] == 3
    assert full["cancel"] == {"by": "ben", "why": "an incident", "at": "2026-11-21T12:00:20Z"}


@given(run=anything(Run), backup=anything(Backup))
def test_what_is_public_is_plain_json(run: Run, backup: Backup) -> None:
    for shown in (public_run(run), public_backup(backup)):
        assert json.loads(json.dumps(shown)) == shown


def test_a_backup_in_public() -> None:
    shown = public_backup(a_backup())
    assert (shown["state"], shown["outcome"], shown["taken_at"]) == ("PLANNED", "PARTIAL", "2026-11-21T12:00:00Z")
    assert shown["accepted"] == {"by": "anna", "why": "a migration", "at": "2026-11-21T12:01:10Z"}
    assert (shown["good"], shown["errors"]) == (True, ["contract.max_shrink"])
    assert set(shown) == {field.name for field in fields(Backup)} - {"rev", "token"}


def test_instants_as_text() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert seconds(at(0.999)) == "2026-11-21T12:00:00Z"
    assert millis(at(0.0019)) == "2026-11-21T12:00:00.001Z"
    assert (seconds(east), millis(east)) == ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000Z")
    with pytest.raises(ValueError, match="no time zone"):
        millis(NOON.replace(tzinfo=None))


@given(one=INSTANTS, other=INSTANTS)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert len(millis(one)) == len("2026-11-21T12:00:00.000Z")
    assert (millis(one) < millis(other)) <= (one < other)

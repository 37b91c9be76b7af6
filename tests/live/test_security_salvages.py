"""What a key needs to copy documents, and what it is told when it lacks it (docs/security.md)."""

import pytest

from chalicelib.core.copying import Found, Write, Written
from chalicelib.core.errors import Refused
from chalicelib.core.model import IndexRef
from chalicelib.engines.elasticsearch import ElasticsearchEngine
from tests.live.secured import Role, Secured
from tests.live.test_security import secured  # noqa: F401 - a fixture

RESTORED, LIVE = "orders", "other"
READ = ("indices:data/read/search",)
NEW_FIELDS = "indices:admin/mapping/auto_put"
NEEDED = (*READ, "indices:data/read/mget*", "indices:data/write/bulk*", "indices:data/write/index*", NEW_FIELDS)


def role(*, without: str = "") -> Role:
    """`read`, `index` and `auto_configure` hold all of it."""
    granted = [
        {"names": [RESTORED], "privileges": [action for action in READ if action != without]},
        {"names": [LIVE], "privileges": [action for action in NEEDED if action != without]},
    ]
    return {"cluster": ["cluster:monitor/state"], "indices": [each for each in granted if each["privileges"]]}


def engine_of(secured: Secured, granted: Role) -> ElasticsearchEngine:  # noqa: F811
    return secured.engine(secured.key(granted))


def refs(engine: ElasticsearchEngine) -> tuple[IndexRef, IndexRef]:
    found = [
        IndexRef(name=side.name, uuid=side.uuid or "", shards=side.shards)
        for side in engine.copier.sides((RESTORED, LIVE))
    ]
    return found[0], found[1]


def missing(name: str, field: str) -> Found:
    return Found(id=name, routing=None, seq_no=0, source=f'{{"{field}": 1}}')


def copied(engine: ElasticsearchEngine, name: str, field: str | None = None) -> tuple[Written, ...]:
    """A document that live lacks; by default with a field that it lacks, too."""
    restored, live = refs(engine)
    found = missing(name, field or name)
    engine.copier.page(restored, 0, -1, 10)
    engine.copier.count(LIVE)
    assert engine.copier.live(live, [found]) == (None,)
    return engine.copier.write(restored, live, [Write(found=found, over=None)])


def test_these_actions_are_enough(secured: Secured) -> None:  # noqa: F811
    assert copied(engine_of(secured, role()), "exact") == (Written(done=True),)


def test_the_named_privileges_hold_them(secured: Secured) -> None:  # noqa: F811
    on_live = ["read", "index", "auto_configure"]
    granted = [{"names": [RESTORED], "privileges": ["read"]}, {"names": [LIVE], "privileges": on_live}]
    engine = engine_of(secured, {"cluster": ["cluster:monitor/state"], "indices": granted})
    assert copied(engine, "named") == (Written(done=True),)


def test_fields_that_live_knows_need_no_right_to_map_new_ones(secured: Secured) -> None:  # noqa: F811
    assert copied(engine_of(secured, role()), "first", "known") == (Written(done=True),)
    assert copied(engine_of(secured, role(without=NEW_FIELDS)), "second", "known") == (Written(done=True),)


@pytest.mark.parametrize("action", NEEDED)
def test_each_of_them_is_needed_and_named(secured: Secured, action: str) -> None:  # noqa: F811
    """A document that may not be written is no document that the index refuses: nothing of it is counted as done."""
    wanted = "privilege read" if "read" in action else "privilege index"
    with pytest.raises(Refused, match=wanted):
        copied(engine_of(secured, role(without=action)), "never")
    everything = engine_of(secured, role())
    assert everything.copier.live(refs(everything)[1], [missing("never", "never")]) == (None,)

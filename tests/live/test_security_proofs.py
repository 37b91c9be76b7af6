"""What a key needs to read what proves a restore, and what it is told when it lacks it (docs/security.md)."""

import pytest

from chalicelib.core.errors import Refused
from chalicelib.core.model import IndexRef
from chalicelib.core.spec import Select
from chalicelib.engines.elasticsearch import ElasticsearchEngine
from tests.live.secured import Role, Secured
from tests.live.test_security import BOTH, secured  # noqa: F401 - a fixture

KEY = b"a key of a run"
ON_CLUSTER = ("cluster:monitor/state", "cluster:monitor/health", "cluster:monitor/nodes/stats")
ON_INDICES = (
    "indices:admin/mappings/get",
    "indices:data/read/search",
    "indices:data/read/msearch",
    "indices:data/read/mget*",
    "indices:monitor/stats",
)


def role(*, without: str = "", names: tuple[str, ...] = BOTH) -> Role:
    return {
        "cluster": [action for action in ON_CLUSTER if action != without],
        "indices": [{"names": list(names), "privileges": [action for action in ON_INDICES if action != without]}],
    }


def engine_of(secured: Secured, granted: Role) -> ElasticsearchEngine:  # noqa: F811
    return secured.engine(secured.key(granted))


def refs(engine: ElasticsearchEngine) -> tuple[IndexRef, ...]:
    return engine.resolve(Select(indices=BOTH)).indices


def test_these_actions_are_enough(secured: Secured) -> None:  # noqa: F811
    engine = engine_of(secured, role())
    counts = engine.counts(refs(engine), refresh=False)
    read = engine.prover.sample(counts, 5, KEY)
    assert [(each.why, len(each.documents)) for each in read.values()] == [(None, 1), (None, 1)]
    asked = {index: read[index.name].documents for index in refs(engine)}
    assert {name: each.documents for name, each in engine.prover.documents(asked, KEY).items()} == {
        name: each.documents for name, each in read.items()
    }
    assert set(engine.prover.mappings(BOTH)) == set(BOTH)
    assert engine.prover.hits("orders", {"match_all": {}}, enough=5, seconds=5) == 1
    assert engine.prover.vitals().heap


def test_each_of_them_is_needed_and_named(secured: Secured) -> None:  # noqa: F811
    with pytest.raises(Refused, match="view_index_metadata"):
        engine_of(secured, role(without="indices:admin/mappings/get")).prover.mappings(BOTH)
    with pytest.raises(Refused, match="cluster:monitor/health"):
        engine_of(secured, role(without="cluster:monitor/health")).prover.vitals()
    with pytest.raises(Refused, match="cluster:monitor/nodes/stats"):
        engine_of(secured, role(without="cluster:monitor/nodes/stats")).prover.vitals()
    with pytest.raises(Refused, match="privilege read"):
        engine_of(secured, role(without="indices:data/read/search")).prover.hits(
            "orders", {"match_all": {}}, enough=1, seconds=5
        )
    engine = engine_of(secured, role(without="indices:data/read/msearch"))
    counts = engine.counts(refs(engine), refresh=False)
    with pytest.raises(Refused, match="privilege read"):
        engine.prover.sample(counts, 5, KEY)


def test_an_index_that_the_key_may_not_read_is_said_and_costs_no_other(secured: Secured) -> None:  # noqa: F811
    """Both answers are 200 as a whole."""
    everything, half = engine_of(secured, role()), engine_of(secured, role(names=("orders",)))
    counts = everything.counts(refs(everything), refresh=False)
    read = half.prover.sample(counts, 5, KEY)
    assert len(read["orders"].documents) == 1
    assert "the privilege read" in (read["other"].why or "")
    known = everything.prover.sample(counts, 5, KEY)
    found = half.prover.documents({index: known[index.name].documents for index in refs(everything)}, KEY)
    assert len(found["orders"].documents) == 1
    assert "the privilege read" in (found["other"].why or "")

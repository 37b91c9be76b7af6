"""Any two sides, and anybody who writes while documents are copied: nothing that only live has is touched, what is
missing is there afterwards, and no write in between is overwritten."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.model import State
from tests.faults.salvaging import LIVE, live, restored, source, started

NUMBERS = 12
TEXTS = st.sampled_from(["as it was", "spoiled"])
NAMES = st.integers(0, NUMBERS + 2).map(str)
SIDE = st.dictionaries(NAMES, TEXTS, max_size=NUMBERS)
WRITES = st.dictionaries(NAMES, st.sampled_from(["newer", None]), max_size=4)


@settings(max_examples=60)
@given(there=SIDE, meanwhile=WRITES, missing_only=st.booleans(), shards=st.integers(1, 3))
def test_whatever_there_is_and_whoever_writes(
    there: Mapping[str, str], meanwhile: Mapping[str, str | None], missing_only: bool, shards: int
) -> None:
    stage, run = restored(numbers=NUMBERS, shards=shards)
    for number in range(NUMBERS):
        stage.engine.indices[LIVE].erase(str(number))
    before = {name: source(int(name), text) for name, text in there.items()}
    for name, text in before.items():
        stage.engine.indices[LIVE].put(name, text)
    salvage = started(stage, run, missing_only=missing_only)
    written: dict[str, str] = {}

    def somebody() -> None:
        """Between our read and our write: by then some of it may have been read already, and copied."""
        before.update(live(stage))
        for name, text in meanwhile.items():
            if text:
                written[name] = source(int(name), text)
                stage.engine.indices[LIVE].put(name, written[name])
            elif name in live(stage):
                stage.engine.indices[LIVE].erase(name)

    stage.engine.meanwhile = somebody
    stage.live(2)
    ended, after = stage.run(salvage.run_id), live(stage)
    assert ended.state is State.SUCCEEDED

    originals = {str(number): source(number) for number in range(NUMBERS)}
    for name, text in after.items():
        if name not in meanwhile:
            only_live = name not in originals
            kept = only_live or (missing_only and name in there)
            assert text == (before[name] if kept else originals[name])
    assert set(originals) - set(after) <= {name for name, text in meanwhile.items() if text is None}
    assert (set(there) - set(originals) - set(meanwhile)) <= set(after)
    if shards == 1:  # one page, one write: what came in between is what stays
        assert {name: after[name] for name in written} == written

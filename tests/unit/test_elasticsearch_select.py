"""Which patterns of a selection match nothing, told from the answers of a scripted server."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.core.errors import Retryable
from chalicelib.core.spec import Select
from tests.record_answers import ALL
from tests.replay import Replay, Reply, engine_of

NAMES = {"cluster_uuid": "c"}


def names_of(*indices: str, streams: Mapping[str, str] = {}, **aliases: str) -> dict[str, object]:
    """A cluster state: `streams` by their only index, `aliases` as alias=index."""
    made = {
        index: {
            "system": index == ".tasks",
            "state": "open",
            "aliases": [alias for alias, of in aliases.items() if of == index],
            "settings": {"index": {"uuid": f"u-{index}", "number_of_shards": "1"}},
        }
        for index in indices
    }
    held = {stream: {"indices": [{"index_name": index}]} for stream, index in streams.items()}
    return {**NAMES, "metadata": {"indices": made, "data_stream": {"data_stream": held}}}


def stream_aliases(*aliases: str) -> dict[str, object]:
    return {
        **NAMES,
        "metadata": {"data_stream": {"data_stream_aliases": {alias: {"data_streams": ["logs"]} for alias in aliases}}},
    }


def unmatched(select: Select, *bodies: object) -> tuple[str, ...]:
    with Replay([Reply(body=body) for body in bodies]) as server:
        found = engine_of(server.url).resolve(select)
    assert len(server.sent) == len(bodies)
    return found.unmatched


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (("orders", "custmers"), ("custmers",)),
        (("zz*", "orders", "o?d*", "yy"), ("zz*", "o?d*", "yy")),
        (("o*s", "*", "**", "l*e"), ()),
        (("live", "liv", "[o]rders"), ("liv", "[o]rders")),
        (("a[1]*", ".tasks", ".task*"), (".tasks", ".task*")),
    ],
)
def test_patterns_that_match_nothing_are_told_of_by_the_same_answer(
    patterns: tuple[str, ...], left: tuple[str, ...]
) -> None:
    body = names_of("orders", "a[1]b", ".tasks", live="orders", tasks=".tasks")
    assert unmatched(Select(indices=patterns, exclude=("o*",)), body) == left


def test_aliases_of_streams_are_asked_for_only_when_they_can_tell() -> None:
    body = names_of("orders", ".ds-logs-1", streams={"logs": ".ds-logs-1"})
    hidden = stream_aliases("every-log")
    assert unmatched(Select(indices=("orders", "logs", ".ds-*")), body) == ()
    assert unmatched(Select(indices=("orders", "every-log")), body) == ()
    assert unmatched(Select(indices=("o*", "l*", "every-*")), body, hidden) == ()
    assert unmatched(Select(indices=("every-log", "custmers", "orders")), body, hidden) == ("custmers",)
    assert unmatched(Select(indices=("o*", "l*", "custmers")), body, NAMES) == ("custmers",)


@pytest.mark.parametrize("second", [{"cluster_uuid": "_na_"}, {"cluster_uuid": "c", "blocks": {"global": {"1": {}}}}])
def test_nothing_is_unmatched_before_the_cluster_knows_its_aliases(second: object) -> None:
    body = names_of("orders", ".ds-logs-1", streams={"logs": ".ds-logs-1"})
    with pytest.raises(Retryable):
        unmatched(Select(indices=("o*", "l*", "every-log")), body, second)


def test_the_state_of_the_whole_cluster_tells_everything_at_once() -> None:
    body: Any = names_of("orders", ".ds-logs-1", streams={"logs": ".ds-logs-1"})
    body["metadata"]["data_stream"].update(stream_aliases("every-log")["metadata"]["data_stream"])  # type: ignore[index]
    assert unmatched(Select(indices=("*", "every-log", "custmers")), body) == ("custmers",)


def test_portions_are_judged_each_by_its_own_answer() -> None:
    """And the doubts of all of them by one more."""
    long = tuple(f"{'x' * 200}-{number}" for number in range(13))
    plain, streamed = names_of("orders"), names_of(".ds-logs-1", streams={"logs": ".ds-logs-1"})
    select = Select(indices=("orders", *long, "logs", "every-log", "custmers"))
    assert unmatched(select, plain, streamed, stream_aliases("every-log")) == (*long, "custmers")


def test_an_index_without_its_aliases_is_unreadable() -> None:
    body: Any = names_of("orders")
    del body["metadata"]["indices"]["orders"]["aliases"]
    with Replay([Reply(body=body)]) as server, pytest.raises(Retryable, match="aliases"):
        engine_of(server.url).resolve(ALL)


@pytest.mark.parametrize("form", ["<logs-{now/d}>", "-orders", "_all", "shop:orders", "logs::failures", "+orders"])
def test_forms_that_we_cannot_match_are_never_called_unmatched(form: str) -> None:
    """A file may not hold them (tests/golden/config_problems.yaml)."""
    body = names_of("orders", ".ds-logs-1", "brought", streams={"logs": ".ds-logs-1"})
    assert unmatched(Select(indices=("orders", form)), body) == ()
    assert unmatched(Select(indices=("orders", form, "custmers")), body, NAMES) == ("custmers",)
    assert unmatched(Select(indices=(form, "custmers")), names_of("orders")) == ("custmers",)

"""What an index has that was restored and not yet released, and so what has to be put back then."""

from collections.abc import Mapping

MARK = "index.search.slowlog.threshold.fetch.trace"
"""Where a restore writes its number: it survives there, and harms nobody as long as nothing searches the index."""
PUT_ON: Mapping[str, object] = {
    "index.number_of_replicas": 0,
    "index.auto_expand_replicas": "false",
    "index.priority": 0,
    "index.blocks.write": True,
    "index.routing.rebalance.enable": "none",  # a shard that is moved loses the record of where it came from
}
HIDDEN: Mapping[str, object] = {"index.hidden": True}
LIFECYCLE = "index.lifecycle"
"""Put back by a swap only: it may delete the index at once, because it counts from the day when the original was
made."""
LEFT_OUT = ("index.routing.allocation.*", "index.lifecycle.*", "index.default_pipeline", "index.final_pipeline")
CHANGED = (
    "index.number_of_replicas",
    "index.auto_expand_replicas",
    "index.priority",
    "index.blocks.write",
    "index.default_pipeline",
    "index.final_pipeline",
    LIFECYCLE,
    "index.routing.allocation",
    "index.routing.rebalance",
    MARK,
)
"""Settings, and groups of them, that a restore changes or leaves out: so they are written down with each backup."""

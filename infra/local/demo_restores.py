"""The second half of the demo's story: what backups are for."""

import json
import time

from infra.local.storyteller import Demo

BAD_IDS = range(500)
"""Positions in the file of the weather, of January: its documents' ids."""


def play(demo: Demo) -> None:
    _drilled(demo)
    _deleted(demo)
    _undone(demo)


def _drilled(demo: Demo) -> None:
    demo.say("Is the last backup worth anything? A drill restores it, compares, and removes what it made")
    demo.measured["drill of the last backup"] = f"{demo.type('drill', 'flights', '--wait'):.1f} s"
    demo.type("backups", "--policy", "flights")


def _deleted(demo: Demo) -> None:
    demo.say("Somebody deletes January; an alarm asks for it back")
    demo.call("DELETE", "/flights-2013-01")
    wanted = {"policy": "flights", "indices": ["flights-2013-01"], "request_id": "demo-january"}
    started = time.monotonic()
    demo.put_event("demo.alarm", "Restore Requested", wanted)
    run_id = "restore:flights:demo-january"
    while run_id not in {run["run_id"] for run in demo.ask("runs", "--kind", "restore")}:
        time.sleep(0.2)
    demo.type("show", run_id, "--follow")
    demo.measured["event to restored index"] = f"{time.monotonic() - started:.1f} s"
    demo.call("POST", "/_aliases", json.dumps({"actions": [_alias("restored-flights-2013-01", "flights-2013-01")]}))


def _alias(index: str, alias: str) -> dict[str, dict[str, str]]:
    return {"add": {"index": index, "alias": alias}}


def _undone(demo: Demo) -> None:
    demo.say("The weather is backed up; then a bulk update spoils it")
    demo.apply("weather, planes, airports")
    demo.type("backup", "reference", "--wait", "--request-id", "demo-weather")
    lines = [f'{{"index":{{"_index":"weather","_id":"{n:06}"}}}}\n{{"origin":"???","month":1}}\n' for n in BAD_IDS]
    demo.call("POST", "/_bulk?refresh=true", "".join(lines))
    _spoilt(demo)
    demo.say("A swap: restored beside it, compared, and then it takes the name in one request")
    first, seconds = _swap(demo, "restored-")
    demo.measured["swap, with its checks"] = f"{seconds:.1f} s"
    _spoilt(demo)
    demo.say("Second thoughts: all the way back, in one request")
    demo.measured["rollback"] = f"{demo.type('restore', 'rollback', first, '--wait'):.1f} s"
    _spoilt(demo)
    demo.say("It was right after all: once more, and for good")
    again, _ = _swap(demo, "restored-b-")
    demo.type("restore", "finish", again, "--wait")
    _spoilt(demo)


def _swap(demo: Demo, prefix: str) -> tuple[str, float]:
    """The run, and its seconds until the names are swapped."""
    asked = ("--policy", "reference", "--indices", "weather", "--mode", "swap", "--prefix", prefix)
    plan = demo.read("restore", "plan", *asked).split()[0]
    seconds = demo.type("restore", "start", plan, "--wait")
    return f"restore:reference:{plan}", seconds


def _spoilt(demo: Demo) -> None:
    found = demo.call("POST", "/weather/_count", '{"query": {"term": {"origin": "???"}}}')
    demo.console.print(f"  {found['count']:,} spoilt documents in weather", markup=False)

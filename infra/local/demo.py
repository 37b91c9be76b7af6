"""The story that `make demo` plays: real commands, a real Elasticsearch, a stage of its own that is gone afterwards.

    .venv/bin/python -m infra.local.demo

The stage lives in `.local/demo` beside your own one, which may be running meanwhile.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.local import demo_restores, elasticsearch, flights
from infra.local.paths import CHECKOUT
from infra.local.processes import Identity
from infra.local.storyteller import Demo


def main() -> None:
    demo = Demo(folder=CHECKOUT / ".local" / "demo")
    started = time.monotonic()
    with _stage(demo):
        play(demo)
    demo.measured["everything"] = f"{time.monotonic() - started:.0f} s"
    demo.say("Summary")
    for name, value in demo.measured.items():
        demo.console.print(f"  {name:<34} {value}", markup=False)
    demo.console.print("  all stopped", markup=False)


@contextmanager
def _stage(demo: Demo) -> Iterator[None]:
    """Whatever happens in between, everything is stopped."""
    demo.say("A stage of its own: embedded AWS, DynamoDB Local, a real Elasticsearch, the deployed zip")
    try:
        demo.measured["stage up, functions deployed"] = f"{demo.type('up', '--fresh'):.1f} s"
        yield
    finally:
        demo.say("The end")
        demo.type("down")


def play(demo: Demo) -> None:
    _load(demo, "January to March 2013: all flights out of New York", flights.FIRST_MONTHS)
    demo.say("Three policies, from a file")
    demo.apply("weather, planes, airports")
    demo.type("next", "-n", "2")
    _slot(demo)
    _more(demo)
    _typo(demo)
    _crash(demo)
    _shrunken(demo)
    demo_restores.play(demo)
    demo.say("Where we stand")
    demo.type("policies")
    demo.type("runs")
    demo.type("status")


def _load(demo: Demo, what: str, months: Any) -> None:
    demo.say(what)
    started = time.monotonic()
    counts = flights.load(demo.stage["elasticsearch"]["url"], months)
    seconds = time.monotonic() - started
    total = sum(count for name, count in counts.items() if name.startswith("flights"))
    demo.console.print(f"  {total:,} flights in {seconds:.1f} s", markup=False)
    demo.measured[f"loading {total:,} flights"] = f"{seconds:.1f} s"


def _slot(demo: Demo) -> None:
    """The scheduler's own tick, sent early with a later time: nobody waits until 2 at night."""
    due = next(item for item in demo.ask("next", "flights", "-n", "1") if item["kind"] == "backup")
    demo.say(f"A slot comes due: the stage's clock tick is sent early, saying it is {due['due_at']}")
    demo.type("tick", "--at", due["due_at"])
    run_id = demo.ask("runs", "--policy", "flights", "--kind", "backup")[0]["run_id"]
    seconds = demo.type("show", run_id, "--follow")
    demo.measured["first backup, slot to SUCCEEDED"] = f"{seconds:.1f} s"
    run = demo.ask("show", run_id)
    demo.measured["first backup, size"] = f"{run['bytes'] / 1e6:.1f} MB in {run['shards']['total']} shards"
    demo.measured["first backup, calls"] = ", ".join(f"{count} {name}" for name, count in run["calls"].items())


def _more(demo: Demo) -> None:
    _load(demo, "April's flights arrive", [4])
    demo.say("A second backup, now: incremental")
    seconds = demo.type("backup", "flights", "--wait", "--request-id", "demo-april")
    run = demo.ask("show", "backup:flights:demo-april")
    demo.measured["second backup"] = f"{seconds:.1f} s"
    added, whole = run["bytes_added"] / 1e6, run["bytes"] / 1e6
    demo.measured["second backup, added"] = f"{added:.1f} of {whole:.1f} MB"


def _typo(demo: Demo) -> None:
    demo.say("Somebody mistypes a pattern: Elasticsearch would call that backup a SUCCESS")
    demo.apply('"wether*"')
    started = time.monotonic()
    demo.type("backup", "reference", "--wait", "--request-id", "demo-typo", expect=1)
    message = demo.told("FAILED")
    demo.measured["typo: asked to message in the inbox"] = f"{time.monotonic() - started:.1f} s"
    for line in message["body"].splitlines():
        demo.console.print(f"  {line}", markup=False)


def _crash(demo: Demo) -> None:
    demo.say("Elasticsearch is killed in the middle of a slow backup (SIGKILL, its own JVM)")
    demo.type("backup", "archive", "--request-id", "demo-crash")
    run_id = "backup:archive:demo-crash"
    while (state := demo.ask("show", run_id)["state"]) != "RUNNING":
        if state not in ("QUEUED", "STARTING"):
            raise SystemExit(f"demo: {run_id} is {state} before it could be disturbed")
        time.sleep(0.2)
    started = time.monotonic()
    elasticsearch.kill_server(Identity.from_json(demo.stage["children"]["elasticsearch"]))
    demo.console.print("  killed; the stage starts it again, as an operating system would", markup=False)
    demo.type("show", run_id, "--follow", expect=1)
    demo.measured["crash: SIGKILL to FAILED"] = f"{time.monotonic() - started:.1f} s"
    demo.told("FAILED")
    demo.type("explain", run_id)
    demo.say("The next one succeeds, and whoever was told hears of it")
    demo.type("backup", "archive", "--wait", "--request-id", "demo-recovered")
    demo.told("SUCCEEDED")


def _shrunken(demo: Demo) -> None:
    demo.say("A clean-up job deletes two months; every engine calls the next snapshot a SUCCESS")
    for month in ("02", "03"):
        demo.console.print(f"  DELETE flights-2013-{month}", markup=False)
        flights.call(demo.stage["elasticsearch"]["url"], "DELETE", f"/flights-2013-{month}")
    demo.type("backup", "flights", "--wait", "--request-id", "demo-shrunken", expect=1)
    demo.told("FAILED")
    demo.say("It was meant: the new size is accepted")
    snapshot = demo.ask("show", "backup:flights:demo-shrunken")["snapshot"]
    demo.type("accept", snapshot, "--why", "the months before April are archived")
    demo.type("backup", "flights", "--wait", "--request-id", "demo-accepted")


if __name__ == "__main__":
    main()

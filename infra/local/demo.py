"""The story that `make demo` plays: real commands, a real Elasticsearch, a stage of its own that is gone afterwards.

    .venv/bin/python -m infra.local.demo

The stage lives in `.local/demo` beside your own one, which may be running meanwhile.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.local import elasticsearch, flights, inbox
from infra.local.paths import CHECKOUT
from infra.local.processes import Identity

FILE = """\
version: 1
targets:
  airline:
    engine: elasticsearch
    hosts: [{url}]
    auth: {{none: true}}
    repositories:
      # slowed down, so that there is something to watch
      main: {{type: fs, settings: {{location: main, max_snapshot_bytes_per_sec: 1500kb}}}}
      slow: {{type: fs, settings: {{location: slow, max_snapshot_bytes_per_sec: 400kb}}}}
policies:
  flights:
    target: airline
    repository: main
    select: {{indices: ["flights-*"]}}
    schedule: "0 2 * * *"
    timezone: America/New_York
    prove: L2  # counted, and its contract met
    contract: {{must_include: [flights-2013-01], max_shrink: 20%}}
    rpo: 26h
  archive:
    target: airline
    repository: slow
    select: {{indices: [flights-2013-01]}}
    schedule: "0 4 1 * *"
  reference:
    target: airline
    repository: main
    select: {{indices: [{reference}]}}
    schedule: "30 3 1 * *"
    rpo: 32d
"""


@dataclass
class Demo:
    """Types commands as a person would, and keeps what it measured for the summary."""

    folder: Path
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    measured: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "SNAPWARDEN_LOCAL": str(self.folder), "SNAPWARDEN_STAGE": "local"}

    def say(self, text: str) -> None:
        self.console.print(f"\n── {text}", style="bold cyan", markup=False)

    def type(self, *words: str, expect: int = 0) -> float:
        """Runs `snapwarden …` on this terminal; returns its seconds. Any exit code but `expect` ends the demo."""
        shown = self._typed(*words)
        started = time.monotonic()
        code = subprocess.run(self._command(*words), env=self.environ, check=False).returncode
        if code != expect:
            raise SystemExit(f"demo: `snapwarden {shown}` ended with {code}, expected {expect}")
        return time.monotonic() - started

    def read(self, *words: str) -> str:
        """The same, for who needs to know what was printed."""
        self._typed(*words)
        done = subprocess.run(self._command(*words), env=self.environ, stdout=subprocess.PIPE, text=True, check=True)
        self.console.print(done.stdout, end="", markup=False)
        return done.stdout

    def _typed(self, *words: str) -> str:
        shown = " ".join(f"'{word}'" if "*" in word or " " in word else word for word in words)
        self.console.print(f"$ snapwarden {shown}", style="bold", markup=False)
        return shown

    def ask(self, *words: str) -> Any:
        """The same, quietly, as one JSON document."""
        done = subprocess.run(self._command("--json", *words), env=self.environ, capture_output=True, check=False)
        return json.loads(done.stdout)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "chalicelib.cli.main", *words]

    def apply(self, reference: str) -> None:
        file = self.folder / "snapwarden.yaml"
        file.write_text(FILE.format(url=self.stage["elasticsearch"]["url"], reference=reference))
        self.type("apply", os.path.relpath(file))

    @property
    def stage(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((self.folder / "stage.json").read_text())
        return found


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
    _restored(demo)
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
    due = next(item for item in demo.ask("next", "flights", "-n", "1"))
    demo.say(f"A slot comes due: the stage's clock tick is sent early, saying it is {due['due_at']}")
    demo.type("tick", "--at", due["due_at"])
    run_id = demo.ask("runs", "--policy", "flights")[0]["run_id"]
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
    message = _told(demo, "FAILED")
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
    _told(demo, "FAILED")
    demo.type("explain", run_id)
    demo.say("The next one succeeds, and whoever was told hears of it")
    demo.type("backup", "archive", "--wait", "--request-id", "demo-recovered")
    _told(demo, "SUCCEEDED")


def _shrunken(demo: Demo) -> None:
    demo.say("A clean-up job deletes two months; every engine calls the next snapshot a SUCCESS")
    for month in ("02", "03"):
        demo.console.print(f"  DELETE flights-2013-{month}", markup=False)
        flights.call(demo.stage["elasticsearch"]["url"], "DELETE", f"/flights-2013-{month}")
    demo.type("backup", "flights", "--wait", "--request-id", "demo-shrunken", expect=1)
    _told(demo, "FAILED")
    demo.say("It was meant: the new size is accepted")
    snapshot = demo.ask("show", "backup:flights:demo-shrunken")["snapshot"]
    demo.type("accept", snapshot, "--why", "the months before April are archived")
    demo.type("backup", "flights", "--wait", "--request-id", "demo-accepted")
    demo.type("backups", "--policy", "flights")


def _restored(demo: Demo) -> None:
    demo.say("Somebody misses February after all: it comes back beside the rest")
    backup = demo.ask("show", "backup:flights:demo-april")["snapshot"]
    shown = demo.read("restore", "plan", "--policy", "flights", "--backup", backup, "--indices", "flights-2013-02")
    plan = shown.split()[0]
    demo.measured["restore of a month"] = f"{demo.type('restore', 'start', plan, '--wait'):.1f} s"


def _told(demo: Demo, state: str) -> inbox.Message:
    """The next report of this state, and what it says in its subject."""
    message = inbox.wait_for(demo.stage, lambda found: found["attributes"]["state"] == state)
    demo.say("What the person on call gets")
    demo.console.print(f"  Subject: {message['subject']}\n", markup=False)
    return message


if __name__ == "__main__":
    main()

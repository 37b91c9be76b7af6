"""Who tells the story of `make demo`: types commands as a person would, puts what else happens into words, measures."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.local import flights, inbox
from infra.local.aws import Aws

FILE = """\
version: 1
targets:
  airline:
    engine: elasticsearch
    hosts: [{url}]
    auth: {{none: true}}
    # weather, too: nobody else is there to approve what the demo restores
    restore: {{allow: ["restored-*", "drill-*", "weather*"]}}
    repositories:
      # slowed down, so that there is something to watch
      main: {{type: fs, settings: {{location: main, max_snapshot_bytes_per_sec: 3mb}}}}
      slow: {{type: fs, settings: {{location: slow, max_snapshot_bytes_per_sec: 800kb}}}}
policies:
  flights:
    target: airline
    repository: main
    select: {{indices: ["flights-*"]}}
    schedule: "0 2 * * *"
    timezone: America/New_York
    prove: L2  # counted, and its contract met
    contract: {{must_include: [flights-2013-01], max_shrink: 20%}}
    rpo: {{L2: 26h, L4: 8d}}
    drill: {{schedule: "5 2 * * 0", rto: 10m, checks: [doc_count, mapping, {{sample_hash: 100}}]}}
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
    prove: L2
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

    def told(self, state: str) -> inbox.Message:
        """The next report of this state, and what it says in its subject."""
        message = inbox.wait_for(self.stage, lambda found: found["attributes"]["state"] == state)
        self.say("What the person on call gets")
        self.console.print(f"  Subject: {message['subject']}\n", markup=False)
        return message

    def call(self, method: str, path: str, body: str | None = None) -> Any:
        """What somebody does to Elasticsearch."""
        self.console.print(f"  {method} {path}", markup=False)
        return flights.call(self.stage["elasticsearch"]["url"], method, path, body)

    def put_event(self, source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
        """What somebody else's program puts on the bus."""
        entry = {
            "EventBusName": f"snapwarden-{self.stage['stage']}",
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
        }
        self.console.print(f"$ aws events put-events --entries '[{json.dumps(entry)}]'", style="bold", markup=False)
        events = Aws(self.stage["endpoint_url"], self.stage["dynamodb_endpoint_url"]).client("events")
        events.put_events(Entries=[entry])

    @property
    def stage(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((self.folder / "stage.json").read_text())
        return found

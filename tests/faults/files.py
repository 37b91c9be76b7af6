"""The file that the stages of a play apply: two policies, which may want one repository, of one target."""

from collections.abc import Sequence

FILE = """\
version: 1
targets:
  shop:
    engine: elasticsearch
    hosts: [http://localhost:9200]
    auth: {{none: true}}
    restore: {{allow: ["restored-*", "drill-*", "orders*", live], keep_old: 1h}}
    max_concurrent: {at_once}
    repositories:
      main: {{type: fs, settings: {{location: main}}}}
      second: {{type: fs, settings: {{location: second}}}}
policies:
"""
POLICY = """\
  {name}:
    target: shop
    repository: {repository}
    select: {{indices: ["orders*"]}}
    schedule: "{schedule}"
    catch_up: {catch_up}
    timeout: {timeout}
    jitter: {jitter}
    rpo: {promised}
    prove: {prove}
    notify: {{on: [failure, recovery, success]}}
"""
DRILL = """\
    drill:
      schedule: "{drill}"
      select: {drawn}
      sample: {sample}
      checks: [doc_count, mapping, {{sample_hash: 3}}]
"""
POLICIES = ("nightly", "weekly")


def file(
    *,
    policies: Sequence[str] = POLICIES,
    schedule: str = "0 2 * * *",
    catch_up: str = "6h",
    timeout: str = "4h",
    jitter: str = "1s",
    rpo: str = "26h",
    prove: str = "L1",
    at_once: int = 1,
    apart: bool = False,
    drill: str | None = None,
    drawn: str = "latest",
    sample: str = "all",
) -> str:
    """`at_once`: runs at a time on the target. `apart`: each policy has a repository of its own. `drill`: when there
    are drills."""
    promised = rpo if drill is None else f"{{{prove}: {rpo}, L4: 3h}}"
    terms = {"schedule": schedule, "catch_up": catch_up, "timeout": timeout, "jitter": jitter, "promised": promised}
    drills = DRILL.format(drill=drill, drawn=drawn, sample=sample) if drill else ""
    places = dict(zip(POLICIES, ("main", "second" if apart else "main"), strict=True))
    return FILE.format(at_once=at_once) + "".join(
        POLICY.format(name=name, repository=places[name], prove=prove, **terms) + drills for name in policies
    )

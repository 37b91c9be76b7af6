"""The file that the stages of a play apply: two policies that want one repository."""

from collections.abc import Sequence

FILE = """\
version: 1
targets:
  shop:
    engine: elasticsearch
    hosts: [http://localhost:9200]
    auth: {none: true}
    repositories: {main: {type: fs, settings: {location: main}}}
policies:
"""
POLICY = """  {name}:
    target: shop
    repository: main
    select: {{indices: ["orders*"]}}
    schedule: "{schedule}"
    catch_up: {catch_up}
    timeout: {timeout}
    jitter: {jitter}
    rpo: {rpo}
    prove: {prove}
    notify: {{on: [failure, recovery, success]}}
"""
POLICIES = ("nightly", "weekly")
"""Both want the same repository; one slot of the target."""


def file(
    *,
    policies: Sequence[str] = POLICIES,
    schedule: str = "0 2 * * *",
    catch_up: str = "6h",
    timeout: str = "4h",
    jitter: str = "1s",
    rpo: str = "26h",
    prove: str = "L1",
) -> str:
    terms = {
        "schedule": schedule,
        "catch_up": catch_up,
        "timeout": timeout,
        "jitter": jitter,
        "rpo": rpo,
        "prove": prove,
    }
    return FILE + "".join(POLICY.format(name=name, **terms) for name in policies)

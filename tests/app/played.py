"""The targets, policies and secrets of the story that test_policies.py plays."""

import json
from collections.abc import Mapping

from tests.app.deployed import STAGE

PASSWORD = "zq-hunter2-zq"
API_KEY = "WnF3a2V5OnpxLWFwaWtleS16cQ=="

FILE = """\
version: 1
targets:
  shop: &shop
    engine: elasticsearch
    hosts: [{url}]
    auth: {{secret: shop-login}}
    repositories: {{main: {{type: fs, settings: {{location: {location}}}}}}}
  loud: {{<<: *shop, hosts: ["{loud}"], auth: {{secret: loud-key}}}}
  echo: {{<<: *shop, hosts: ["{echo}"], auth: {{secret: loud-login}}}}
  silent: {{<<: *shop, hosts: ["http://127.0.0.1:9"], auth: {{secret: loud-login}}}}
  foreign: {{<<: *shop, hosts: ["http://127.0.0.2:9"], auth: {{secret: of-another-stage}}}}
  untagged: {{<<: *shop, hosts: ["http://127.0.0.3:9"], auth: {{secret: of-nobody}}}}
  garbled: {{<<: *shop, hosts: ["http://127.0.0.4:9"], auth: {{secret: garbled}}}}
policies:
  nightly: &policy
    target: shop
    repository: main
    select: {{indices: ["{index}"]}}
    schedule: "0 2 * * *"
    catch_up: 3h
    notify: {{on: [failure, recovery, success]}}
  typo: {{<<: *policy, select: {{indices: [nothing-is-called-so]}}, rpo: 1h}}
  loud: {{<<: *policy, target: loud}}
  echo: {{<<: *policy, target: echo}}
  silent: {{<<: *policy, target: silent}}
  foreign: {{<<: *policy, target: foreign}}
  untagged: {{<<: *policy, target: untagged}}
  garbled: {{<<: *policy, target: garbled}}
  asked: {{<<: *policy, target: loud, schedule: []}}
  drilled: {{<<: *policy, schedule: [], prove: L2, drill: {{schedule: "rate(7 days)", checks: {checks}}}}}
"""
CHECKS = "[doc_count, mapping, {sample_hash: 3}, {query: {index: '*', body: {match_all: {}}, min_hits: 3}}]"
SECRETS: Mapping[str, tuple[str, str | None]] = {
    "shop-login": (json.dumps({"username": "elastic", "password": PASSWORD}), STAGE),
    "loud-key": (json.dumps({"api_key": API_KEY}), STAGE),
    "loud-login": (json.dumps({"username": "elastic", "password": PASSWORD}), STAGE),
    "of-another-stage": (json.dumps({"username": "elastic", "password": PASSWORD}), "prod"),
    "of-nobody": (json.dumps({"username": "elastic", "password": PASSWORD}), None),
    "garbled": (f"password={PASSWORD}", STAGE),
}
"""Name -> text, and the stage of its tag."""
FOREIGN = ("of-another-stage", "of-nobody")

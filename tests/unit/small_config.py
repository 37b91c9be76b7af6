"""A small file without problems, to be changed by tests."""

from collections.abc import Mapping

SMALL = """\
version: 1
targets:
  shop:
    engine: elasticsearch
    hosts: [https://es.internal:9200]
    auth: {secret: shop-backup}
    repositories:
      main: {type: fs, settings: {location: main}}
policies:
  nightly:
    target: shop
    repository: main
    select: {indices: ["orders-*"]}
    schedule: "0 2 * * *"
"""


def changed(replacements: Mapping[str, str]) -> str:
    text = SMALL
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    return text


def policy(line: str) -> str:
    return f"{SMALL}    {line}\n"

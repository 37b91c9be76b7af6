"""Credentials from Secrets Manager."""

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.core.errors import Refused
from chalicelib.core.ports import Clock
from chalicelib.core.secret import Secret
from chalicelib.notify.answers import asked

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEPT = timedelta(seconds=60)
"""A rotated secret is seen after this at the latest."""


class SecretReader:
    def __init__(self, client: "SecretsManagerClient", clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, tuple[datetime, Secret]] = {}

    def read(self, name: str) -> Secret:
        """`name` or ARN. Refused when it is missing, forbidden, or not a JSON object of strings; the message never
        holds any of its text."""
        now = self._clock.now()
        if name in self._known and timedelta(0) <= now - self._known[name][0] < KEPT:
            return self._known[name][1]
        self._known.pop(name, None)
        with asked(f"read secret {name}"):
            text = self._client.get_secret_value(SecretId=name).get("SecretString")
        secret = _parsed(name, text)
        self._known[name] = (now, secret)
        return secret


def _parsed(name: str, text: str | None) -> Secret:
    if text is None:
        raise Refused(f"secret {name} is binary, not a JSON object of strings")
    try:
        values = json.loads(text)
    except ValueError:
        values = None  # the error would quote the text
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise Refused(f'secret {name} is not a JSON object of strings, like {{"username": "…", "password": "…"}}')
    return Secret(name, values)

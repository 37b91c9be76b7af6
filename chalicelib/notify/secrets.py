"""Credentials from Secrets Manager."""

import json
from typing import TYPE_CHECKING

from chalicelib.core.errors import Refused
from chalicelib.core.secret import Secret
from chalicelib.notify.answers import asked

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class SecretReader:
    """Keeps nothing: a secret that was rotated a moment ago is used by the very next step of a run, before the engine has
    refused the old one too often."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._client = client

    def read(self, name: str) -> Secret:
        """`name` or ARN. Refused when it is missing, forbidden, or not a JSON object of strings; the message never
        holds any of its text."""
        with asked(f"read secret {name}"):
            text = self._client.get_secret_value(SecretId=name).get("SecretString")
        return _parsed(name, text)


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

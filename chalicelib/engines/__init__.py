"""One file = one engine, found by its name and imported on demand. Files with `_` in their name belong to an engine
and are none themselves. Every engine has its fake in tests/fakes under the same name, and both pass one contract suite.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from chalicelib.core.errors import Refused
from chalicelib.core.ports import Engine
from chalicelib.core.spec import Target


class EngineModule(Protocol):
    """What an engine's file offers."""

    def connect(
        self, target: Target, secret: Mapping[str, str] | None, *, ca: str | None = None, timeout: float = ...
    ) -> Engine:
        """Sends nothing yet. `secret`: the JSON object behind `target.auth.secret`. `ca`: the certificates (PEM text)
        that `target.tls.ca` names. `timeout`: seconds that one request may take. Refused: this can never work."""


def available() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if "_" not in module.name))


def load(name: str) -> EngineModule:
    if name not in available():
        raise Refused(f"there is no engine {name} in this release; available: {', '.join(available())}")
    return cast(EngineModule, import_module(f"{__name__}.{name}"))

"""Commands as somebody types them, with a world in memory behind them: the fixture `snapwarden` of conftest.py.

A module that uses it has a fixture `stage` of its own, the world.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one that `--json` prints."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """In one line, however it was folded."""
        return " ".join(self.out.split())


Type = Callable[..., Done]

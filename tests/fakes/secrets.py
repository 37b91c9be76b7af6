from collections.abc import Mapping

from chalicelib.core.errors import Refused
from chalicelib.core.secret import Secret
from tests.fakes.faults import Faults


class FakeSecrets(Faults):
    def __init__(self, values: Mapping[str, Mapping[str, str]] | None = None) -> None:
        super().__init__()
        self.values = dict(values or {})

    def read(self, name: str) -> Secret:
        self.before()
        if name not in self.values:
            raise Refused(f"secret {name} does not exist")
        return Secret(name, self.values[name])

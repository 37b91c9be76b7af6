from chalicelib.core.triggers import TriggerRule
from tests.fakes.faults import Faults


class FakeRules(Faults):
    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, TriggerRule] = {}

    def all(self) -> tuple[TriggerRule, ...]:
        self.before()
        return tuple(self.kept[name] for name in sorted(self.kept))

    def put(self, rule: TriggerRule) -> None:
        self.before()
        self.kept[rule.name] = rule
        self.after()

    def remove(self, name: str) -> None:
        self.before()
        self.kept.pop(name, None)
        self.after()

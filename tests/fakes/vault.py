from tests.fakes.faults import Faults


class FakeVault(Faults):
    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, content: bytes) -> None:
        self.before()
        self.objects[key] = content
        self.after()

    def get(self, key: str) -> bytes | None:
        self.before()
        return self.objects.get(key)

from typing import NamedTuple


class Measured(NamedTuple):
    name: str
    unit: str
    value: float
    dimensions: frozenset[tuple[str, str]]


class FakeMetrics:
    def __init__(self) -> None:
        self.measured: list[Measured] = []

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        self._add(name, "Count", value, dimensions)

    def gauge(self, name: str, value: float) -> None:
        self._add(name, "Seconds" if name.endswith("Seconds") else "None", value, {})

    def seconds(self, name: str, value: float, **dimensions: str) -> None:
        self._add(name, "Seconds", value, dimensions)

    def _add(self, name: str, unit: str, value: float, dimensions: dict[str, str]) -> None:
        self.measured.append(Measured(name, unit, value, frozenset(dimensions.items())))

    def total(self, name: str, **dimensions: str) -> float:
        """The sum of what was measured under this name with at least these dimensions."""
        return sum(
            entry.value
            for entry in self.measured
            if entry.name == name and dimensions.items() <= dict(entry.dimensions).items()
        )

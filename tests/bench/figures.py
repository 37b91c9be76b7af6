"""Pairs of measurements, one after the other on the same machine, so that the ratio means something where the seconds
do not."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

PAIRS = 7
T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """`pairs`: what was measured, ours first."""

    what: str
    against: str
    unit: str
    pairs: tuple[tuple[float, float], ...]

    @property
    def medians(self) -> tuple[float, float]:
        first, second = (statistics.median(column) for column in zip(*self.pairs, strict=True))
        return first, second

    @property
    def quiet(self) -> float:
        """The ratio of the least of each: what a machine without other work would come near to."""
        return min(ours for ours, _ in self.pairs) / min(baseline for _, baseline in self.pairs)

    def __str__(self) -> str:
        ratios = sorted(first / second for first, second in self.pairs)
        ours, baseline = self.medians
        cells = (
            self.what,
            f"{ours:,.0f} {self.unit}",
            self.against,
            f"{baseline:,.0f} {self.unit}",
            f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})",
            f"{self.quiet:.2f}",
            str(len(self.pairs)),
        )
        return f"| {' | '.join(cells)} |"


@dataclass
class Table:
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compare(
        self,
        what: str,
        ours: Callable[[], float],
        against: str,
        baseline: Callable[[], float],
        *,
        unit: str = "ms",
        pairs: int = PAIRS,
    ) -> None:
        """Each of the two answers one figure in `unit`."""
        self.lines.append(Line(what, against, unit, in_turn(ours, baseline, pairs)))

    def markdown(self) -> str:
        head = (
            "| what | median | against | median | ratio (range) | ratio of the leasts | pairs |",
            "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
        )
        return "\n".join([*head, *map(str, self.lines), "", *(f"* {note}" for note in self.notes)])


def in_turn(ours: Callable[[], T], baseline: Callable[[], T], pairs: int = PAIRS) -> tuple[tuple[T, T], ...]:
    """Once to warm up and then `pairs` times, taking turns to go first."""
    ours(), baseline()
    found = []
    for number in range(pairs):
        if number % 2:
            second, first = baseline(), ours()
        else:
            first, second = ours(), baseline()
        found.append((first, second))
    return tuple(found)


def milliseconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000

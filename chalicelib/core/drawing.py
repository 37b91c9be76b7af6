"""Draws that follow from a seed, so that they can be repeated. Pure."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def numbers(seed: bytes, below: int, many: int) -> list[int]:
    """`many` different ones from 0 up to `below`, each set of them with the same chance, in an order of chance. The
    first bytes of the seed count, 64 at most. ValueError when there are not so many."""
    if not 0 <= many <= below:
        raise ValueError(f"{many} numbers below {below}")
    moved: dict[int, int] = {}
    drawn = []
    for at in range(many):
        pick = at + _number(seed, at) % (below - at)
        drawn.append(moved.get(pick, pick))
        moved[pick] = moved.get(at, at)
    return drawn


def chosen(seed: bytes, items: Sequence[T], many: int) -> list[T]:
    return [items[place] for place in numbers(seed, len(items), many)]


def _number(seed: bytes, at: int) -> int:
    """Of 64 bits: what a remainder prefers is beyond measuring."""
    return int.from_bytes(hashlib.blake2b(at.to_bytes(8), key=seed[:64], digest_size=8).digest())

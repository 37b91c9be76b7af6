"""Patterns of names, read as the engines read them (and EventBridge): `*` is the only special character, and case
counts. So an exact name means itself and nothing else, though names of indices may hold `[`, `]` and `!`. Pure.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns means it."""
    return any(_means(pattern, name) for pattern in patterns)


def _means(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern == name
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))

"""Credentials: a mapping that never shows its values, neither in a log, a traceback nor an assertion."""

from collections.abc import Iterator, Mapping


class Secret(Mapping[str, str]):
    __slots__ = ("_name", "_values")

    def __init__(self, name: str, values: Mapping[str, str]) -> None:
        self._name = name
        self._values = dict(values)

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<secret {self._name}: {', '.join(sorted(self._values))}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not stored or sent")

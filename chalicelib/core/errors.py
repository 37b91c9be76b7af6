"""Errors are named after what the caller does next.

An adapter translates whatever its library raises into one of these, once; the driver decides once what follows.
"""

from dataclasses import dataclass


class Retryable(Exception):
    """No answer, or an answer that says "not now": nothing is known, the next step asks again."""


class Contended(Retryable):
    """Others were writing the same rows in that very moment: nothing was stored. Read again and try again at once."""


class Refused(Exception):
    """The other side answered and said no: asking again unchanged will be refused again."""


class Unauthenticated(Refused):
    """The credentials are not accepted: whatever else is asked will be refused as well."""


class Conflict(Refused):
    """Somebody else wrote first (two `apply` at once, a request id used twice with another payload)."""


class Taken(Conflict):
    """The id of a request was used before, for something else: another one is needed."""


class Unsupported(Refused):
    """The server does not know the request at all. There may be another way."""


class NameTaken(Refused):
    """A create was refused because its name exists: perhaps our own, after a lost answer. Look to see whose it is."""


class RepositoryMissing(Refused):
    """The engine has no repository of this name, so nothing can be said of its backups. Registering it is the cure."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in what a user wrote, with where it stands and how to mend it."""

    message: str
    expected: str | None = None
    file: str | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        head = " ".join(part for part in (f"{place}:" if place else "", f"{self.key}:" if self.key else "") if part)
        tail = f" (expected {self.expected})" if self.expected else ""
        return f"{head} {self.message}{tail}".strip()


class NotRunning(Retryable):
    """There is no stage to ask. The message says how to start one."""


class BadInput(Exception):
    """What a user wrote cannot be used. Carries every problem found, in the order of the file. Exit code 2."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(item) if isinstance(item, str) else item for item in problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

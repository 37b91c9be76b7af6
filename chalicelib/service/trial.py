"""Asking an engine, with the answer as a line of `doctor` where it is not a good one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.core.diagnosis import Result, Status
from chalicelib.core.errors import Refused, Retryable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trial:
    """Of one target."""

    target: str

    def said(self, check: str, status: Status, subject: str, message: str) -> Result:
        return Result(target=self.target, check=check, status=status, subject=subject, message=message)

    def asked(self, check: str, subject: str, ask: Callable[[], T]) -> T | Result:
        """A Result instead of what was asked for: it was refused, or there was no answer."""
        try:
            return ask()
        except Refused as error:
            return self.said(check, Status.MISSING, subject, str(error))
        except Retryable as error:
            return self.said(check, Status.UNKNOWN, subject, str(error))

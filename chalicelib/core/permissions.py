"""Which names a restore may write to, and what the others need. Pure."""

from collections.abc import Iterator, Sequence

from chalicelib.core.model import Finding, Severity
from chalicelib.core.prose import counted, listed
from chalicelib.core.spec import RestoreRules
from chalicelib.core.wildcards import matches

BESIDE = "a --prefix that `restore.allow` allows"
"""What needs nobody's yes where names are new, and where live ones count whatever the prefix is."""
NOT_LIVE = f"--mode rename, with {BESIDE}"
SHOWN = 20
"""Of names: a finding each."""


def permitted(
    rules: RestoreRules,
    names: Sequence[str],
    *,
    approvable: bool = True,
    instead: str = BESIDE,
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Those of the names that `restore.allow` does not allow, and what that means. `approvable`: a second person may
    say yes; `instead`: what needs nobody's yes."""
    allowed = {name for name in names if matches(name, rules.allow)}
    beyond = tuple(name for name in dict.fromkeys(names) if name not in allowed)
    return beyond, tuple((_second_person if rules.approval and approvable else _refused)(beyond, instead))


def _refused(names: Sequence[str], instead: str) -> Iterator[Finding]:
    for name in names[:SHOWN]:
        message = f"the target allows no restore to {name} (`restore.allow`), and nobody may approve one"
        yield _finding("restore.not_allowed", Severity.ERROR, name, message, instead)


def _second_person(names: Sequence[str], instead: str) -> Iterator[Finding]:
    if names:
        message = f"{counted(len(names), 'name')} beyond `restore.allow`: {listed(names)}"
        fix = f"snapwarden restore approve PLAN, by somebody else; or {instead}"
        yield _finding("restore.approval", Severity.WARNING, "approval", message, fix)


def _finding(code: str, severity: Severity, subject: str, message: str, fix: str) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message=message, next_step=fix)

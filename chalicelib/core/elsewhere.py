"""Restoring to another target than the policy's: the repository is registered there, to be read only. Pure.

The settings are those of the file, because the cluster that made the backup may be gone.
"""

from chalicelib.core import contract
from chalicelib.core.errors import Problem
from chalicelib.core.plans import Mode, Wish
from chalicelib.core.spec import Repository, Target

REGISTRATION = "snapwarden-from-"
"""Begins the name of such a registration. Drills have theirs, with a bandwidth of its own: `drilling.REGISTRATION`."""


def name(source: str, repository: str, begins: str = REGISTRATION) -> str:
    """No name of a target holds a dot, so two of them never share one."""
    return f"{begins}{source}.{repository}"


def place(source: Target, repository: str) -> Repository | None:
    """How to register it to be read only; None when the file does not say where it is (`manage: false`)."""
    written = source.repositories[repository]
    if not written.settings:
        return None
    return Repository(type=written.type, settings={**written.settings, "readonly": "true"})


def unknown(source: Target, repository: str, into: str) -> Problem:
    message = f"the file does not say where repository {repository} of {source.name} is, so {into} can't read it"
    expected = f"its `settings` in the file, as GET _snapshot/{repository} shows them (beside `manage: false`)"
    return Problem(message, key="into", expected=expected)


def problems(wish: Wish) -> tuple[Problem, ...]:
    """What can't be meant by `into`."""
    if wish.into is None or wish.mode not in (Mode.SWAP, Mode.IN_PLACE):
        return ()
    message = f"{wish.mode} is of what is live beside the backup"
    return (Problem(message, key="--into", expected="--mode rename; names are free there: with --prefix ''"),)


def same(wanted: Repository, there: Repository | None) -> bool:
    """Whether the server has it so already, and nothing beside."""
    if there is None or contract.repository_difference(wanted, there):
        return False
    return not {*there.settings} - {*wanted.settings}

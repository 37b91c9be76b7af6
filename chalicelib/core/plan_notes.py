"""What is good to know before a restore starts, and forbids nothing: warnings of a plan. Pure."""

from collections.abc import Iterator, Sequence

from chalicelib.core.model import Finding, IndexRef
from chalicelib.core.plan_words import note
from chalicelib.core.plans import Move
from chalicelib.core.prose import counted
from chalicelib.core.spec import Policy
from chalicelib.core.wildcards import matches

NEVER_TAKEN = ("drill-*", "restored-*")
"""What no backup takes by its name alone."""


def notes(moves: Sequence[Move], originals: Sequence[IndexRef], policies: Sequence[Policy]) -> Iterator[Finding]:
    """`originals`: what was backed up, with its settings; `policies`: all that back up this target."""
    yield from _settings(moves, originals)
    yield from _taken(moves, policies)


def lifecycle(moves: Sequence[Move], originals: Sequence[IndexRef]) -> Iterator[Finding]:
    """Its policies count from the day when the original was made, unless the index says otherwise."""
    named = {index.name: index.settings.get("index.lifecycle.name") for index in originals}
    if bound := [move.name for move in moves if named.get(move.source)]:
        policies = ", ".join(sorted({str(named[move.source]) for move in moves if named.get(move.source)}))
        message = (
            f"{_some(bound)} will follow a lifecycle policy again ({policies}), which counts from the day when the "
            f"original was made, and may roll it over or delete it at once"
        )
        yield note("restore.lifecycle", bound[0], message, "leave --attach-lifecycle out, and set it when it is used")


def _settings(moves: Sequence[Move], originals: Sequence[IndexRef]) -> Iterator[Finding]:
    known = {index.name for index in originals if index.settings}
    if bare := [move.source for move in moves if move.source not in known]:
        message = f"the settings of {_some(bare)} were not written down when it was backed up: it gets the defaults"
        yield note("restore.no_settings", bare[0], message, "look at replicas and refresh_interval of what comes back")


def _taken(moves: Sequence[Move], policies: Sequence[Policy]) -> Iterator[Finding]:
    """A backup that starts before all is back holds an index that is not whole yet."""
    for policy in policies:
        select = policy.select
        names = [
            name
            for name in dict.fromkeys(move.known_as for move in moves)
            if matches(name, select.indices) and not matches(name, (*select.exclude, *NEVER_TAKEN))
        ]
        if names:
            message = f"policy {policy.name} backs up {_some(names)} as well, perhaps before all of it is back"
            yield note(
                "restore.backed_up_too", policy.name, message, "a --prefix like restored-, which no backup takes"
            )


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {counted(len(names) - 1, 'other')}"

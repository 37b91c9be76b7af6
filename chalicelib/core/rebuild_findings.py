"""What is said of a plan of everything before it is started: above all what does not come back. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.core import plan_room
from chalicelib.core.capsules import Configuration
from chalicelib.core.model import Finding, Severity
from chalicelib.core.plans import Plan
from chalicelib.core.prose import counted, listed
from chalicelib.core.rebuild_pieces import LIFECYCLE, managed, missing, redacted
from chalicelib.core.rebuilds import PARTS, Does, Phase, Piece
from chalicelib.core.restores import Surroundings

NOTHING = Configuration(parts={})
MOST = 80
"""Backups that one start can mark as in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """How the cluster was configured, as it was stored at `key` (None: nowhere). `older`: paths of what only another
    one has, that of the backup `older_of`."""

    capsule: Configuration = NOTHING
    key: str | None = None
    older: tuple[str, ...] = ()
    older_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """`there`: how the server is configured now. `left_out`: names of indices that are there already. `without`:
    policies that have no backup that would do, and why."""

    surroundings: Surroundings
    there: Configuration
    recorded: Recorded
    left_out: tuple[str, ...] = ()
    without: Mapping[str, str]

    @property
    def capsule(self) -> Configuration:
        return self.recorded.capsule


def findings(
    phases: Sequence[Phase], inner: Sequence[Plan], known: Known, too_big: Sequence[Piece]
) -> tuple[Finding, ...]:
    """Each once, in the words of a plan of everything."""
    done = {phase.does for phase in phases if not phase.skipped}
    moves = [move for made in inner for move in made.moves]
    found = [*_notes(known), *plan_room.findings(moves, known.surroundings), *_of_phases(phases)]
    found += [*_configured(known, done), *_lacking(known, done), *map(_too_big, too_big)]
    found += [each for made in inner for each in made.findings if each.code != "restore.approval"]
    unique = {(each.code, each.subject): _in_phases(each) for each in reversed(found)}
    return tuple(reversed(unique.values()))


def _in_phases(found: Finding) -> Finding:
    """Single indices can't be chosen here, nor options of a single restore."""
    if found.code == "restore.lifecycle":
        return replace(found, next_step=f"--skip {LIFECYCLE}, and attach what you want when it is used")
    return replace(found, next_step=found.next_step.replace("choose fewer with --indices", "leave phases to --skip"))


def _of_phases(phases: Sequence[Phase]) -> Iterator[Finding]:
    if not any(phase.names for phase in phases if not phase.skipped):
        message = "nothing is left to be put back"
        yield _finding("restore.nothing", "everything", message, "--skip fewer phases", Severity.ERROR)
    backups = {phase.backup_id for phase in phases if phase.backup_id and not phase.skipped}
    if len(backups) > MOST:
        message = f"{len(backups)} backups would be restored from at once, and {MOST} are the most"
        yield _finding("rebuild.too_many", "everything", message, "--skip some phases, then plan anew", Severity.ERROR)


def _notes(known: Known) -> Iterator[Finding]:
    for policy, why in sorted(known.without.items()):
        message = f"nothing of policy {policy} comes back: {why}"
        yield _finding("rebuild.no_backup", policy, message, f"snapwarden backups --policy {policy}")
    if known.left_out:
        many = counted(len(known.left_out), "name of the backups is", "names of the backups are")
        message = f"{many} there, and left alone: {listed(known.left_out)}"
        fix = "to replace one: restore plan --mode swap, or in_place"
        yield _finding("rebuild.there", "indices", message, fix, Severity.INFO)


def _configured(known: Known, done: set[Does]) -> Iterator[Finding]:
    """What comes back of the configuration, or does not, and why."""
    if not done & PARTS.keys():
        return
    if known.recorded.key is None:
        message = "no backup has the cluster's configuration beside it: only data come back"
        fix = "put templates, pipelines, policies and aliases back yourself"
        yield _finding("rebuild.no_capsule", "configuration", message, fix)
    if lacks := [path[1:] for path in known.recorded.older]:
        other = known.recorded.older_of
        message = f"the newest configuration ({known.recorded.key}) lacks {listed(lacks)}, which that of {other} has: "
        message += "were they deleted, or lost with the cluster?"
        yield _finding("rebuild.older", "configuration", message, f"--configuration {other} takes that one")
    if Does.LIFECYCLE in done and (back := missing(known.capsule, known.there, Does.LIFECYCLE)):
        message = (
            f"{listed([piece.name for piece in back])}: whatever names such a policy follows it at once, by its age"
        )
        fix = f"--skip {LIFECYCLE}, where that would delete"
        yield _finding("rebuild.lifecycle", "lifecycle_policies", message, fix)
    if settings := known.capsule.parts.get("cluster_settings"):
        message = f"{counted(len(settings), 'setting')} of the cluster never come back by themselves"
        fix = f"read them in {known.recorded.key}, and set what you want"
        yield _finding("rebuild.settings", "cluster_settings", message, fix, Severity.INFO)


def _lacking(known: Known, done: set[Does]) -> Iterator[Finding]:
    """Of the parts that are put back: what is left out of each."""
    for part in (part for does in PARTS if does in done for part in PARTS[does]):
        for what, of in (("the backup's configuration", known.capsule), ("the server's configuration", known.there)):
            if why := of.incomplete.get(part):
                message = f"{part} of {what} could not be read wholly: {why}"
                yield _finding("rebuild.incomplete", part, message, "see to what is missing yourself")
        mine = known.capsule.parts.get(part, {})
        if part == "aliases":
            mine = {f"{holder}/{alias}": body for holder, held in mine.items() for alias, body in held.items()}
        else:
            yield from _of_part(known, part, mine)
        hidden = [name for name in mine if redacted(known.capsule, part, name)]
        for name in hidden:
            message = f"{part}/{name} held a secret, which no backup keeps"
            yield _finding("rebuild.redacted", f"/{part}/{name}", message, "put it back yourself")


def _of_part(known: Known, part: str, mine: Mapping[str, Mapping[str, object]]) -> Iterator[Finding]:
    theirs = known.there.parts.get(part, {})
    own = {name: body for name, body in mine.items() if not managed(body)}
    if other := sorted(name for name in own if name in theirs and own[name] != theirs[name]):
        message = f"{part}: {listed(other)} there already, otherwise than in the backup, and left alone"
        yield _finding("rebuild.differs", part, message, f"compare with {known.recorded.key}")
    if gone := sorted(name for name in mine if name not in theirs and managed(mine[name])):
        message = f"{part}: {listed(gone)} left to the server, or to what stands on it, which brings its own"
        yield _finding(
            "rebuild.managed", part, message, f"if it does not, take it from {known.recorded.key}", Severity.INFO
        )


def _too_big(piece: Piece) -> Finding:
    message = f"{piece.path[1:]} is too big to be put back"
    return _finding("rebuild.too_big", piece.path, message, "put it back yourself")


def _finding(code: str, subject: str, message: str, fix: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(code=code, severity=severity, subject=subject, message=message, next_step=fix)

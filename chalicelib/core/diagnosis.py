"""What `doctor` says: one line for each permission and setting that was tried. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.core import terms
from chalicelib.core.config.checks import check_policy
from chalicelib.core.leases import Hold
from chalicelib.core.model import IndexCount, Selection
from chalicelib.core.observations import Absent, Complete, Observation
from chalicelib.core.prose import counted, instant, span
from chalicelib.core.rows import Backup, PolicyState, Spec
from chalicelib.core.spec import Policy, Target

NEXT = {
    "doctor.secret": "put the credentials where `auth` looks for them (docs/security.md)",
    "doctor.reachable": "look at `hosts`, at the network between, and at `tls.ca`",
    "doctor.tls": "use https, and let `tls.ca` name the certificates to trust",
    "doctor.credentials": "correct the secret that `auth` names",
    "doctor.resolve": "grant what the message names",
    "doctor.registration": "grant what the message names; where they differ: docs/findings.md, repository.differs",
    "doctor.readable": "grant what the message names, or look at the repository on the server",
    "doctor.delete": "grant what the message names; without it `cancel` can't end a snapshot on the server",
    "doctor.snapshot": "grant what the message names, or read the server's log",
    "doctor.counts": "grant what the message names: without counts no backup reaches L2",
    "doctor.newest": "snapwarden backup POLICY --wait; then find out who deletes snapshots or files of the repository",
    "doctor.select": "correct `select`, or what the message names, then apply",
    "doctor.settings": "correct the file, then apply, if it is not meant",
}
"""Every check, and what to do when it does not come out well."""


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """No answer: it can't be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`check` is a code of docs/findings.md; `subject`: the secret, address, repository or policy it is about."""

    target: str
    check: str
    status: Status
    subject: str
    message: str

    @property
    def next_step(self) -> str | None:
        return None if self.status is Status.OK else NEXT[self.check]


def encryption(target: Target) -> Iterator[Result]:
    """What an answer cannot tell: whether anybody may listen or pose as the server."""
    bare = [host for host in target.hosts if host.startswith("http://")]
    if target.tls.insecure:
        yield _tls(target, ", ".join(target.hosts), "certificates are not verified (`insecure: true`)")
    if bare and not target.auth.none:
        yield _tls(target, ", ".join(bare), "credentials are sent without encryption")


def _tls(target: Target, subject: str, message: str) -> Result:
    return Result(target=target.name, check="doctor.tls", status=Status.WARNING, subject=subject, message=message)


def selected(spec: Spec, selection: Selection) -> Iterator[Result]:
    """A name that is not there fails each run; a wildcard may match tomorrow."""
    patterns = ", ".join(spec.policy.select.indices)
    if not selection.indices:
        yield _of(spec, "doctor.select", Status.MISSING, f"no index matches {patterns}: each run fails")
        return
    for pattern in selection.unmatched:
        wildcard = "*" in pattern
        message = f"{pattern} matches nothing" if wildcard else f"{pattern} is not there: each run fails"
        yield _of(spec, "doctor.select", Status.WARNING if wildcard else Status.MISSING, message)
    names = [one.name for one in selection.indices]
    aliases = terms.meant(spec.policy.contract, selection.aliases)
    left = [found.subject for found in terms.not_included(spec.policy.contract, names, aliases)]
    for wanted in left:
        message = f"contract.must_include: {wanted} names no index or data stream that is selected, nor an alias of one"
        yield _of(spec, "doctor.select", Status.MISSING, f"{message}: each run fails")
    if not selection.unmatched and not left:
        found = counted(len(selection.indices), "index", "indices")
        yield _of(spec, "doctor.select", Status.OK, f"{patterns}: {found}")


def countable(spec: Spec, selection: Selection, counts: Sequence[IndexCount]) -> Result:
    known = {count.name for count in counts}
    left = [index.name for index in selection.indices if not index.closed and index.name not in known]
    if left:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        message = f"{', '.join(left[:3])}{more} can't be counted now: a primary is not assigned, or they went away"
        return _of(spec, "doctor.counts", Status.WARNING, message)
    documents = counted(sum(count.docs for count in counts), "document")
    return _of(
        spec, "doctor.counts", Status.OK, f"{documents} in {counted(len(counts), 'index', 'indices')} were counted"
    )


def newest(spec: Spec, backup: Backup, seen: Observation) -> Result:
    """Whether the newest good backup is still the one that was judged."""
    the = f"the newest good backup {backup.backup_id}"
    if isinstance(seen, Absent):
        return _of(spec, "doctor.newest", Status.MISSING, f"{the} is gone from the repository")
    if seen.uuid != backup.snapshot_uuid:
        return _of(spec, "doctor.newest", Status.MISSING, f"{the} was replaced by another snapshot")
    if not isinstance(seen, Complete):
        return _of(spec, "doctor.newest", Status.MISSING, f"{the} is not complete any more")
    return _of(spec, "doctor.newest", Status.OK, f"{the} is still there")


def settings(spec: Spec, state: PolicyState, held: Hold | None = None) -> Iterator[Result]:
    """What is allowed, and seldom meant."""
    said = [*_remarks(spec), *_times(spec.policy), *_paused(state), *_held(held)]
    for message in said:
        yield _of(spec, "doctor.settings", Status.WARNING, message)
    if not said:
        yield _of(spec, "doctor.settings", Status.OK, "nothing odd")


def _remarks(spec: Spec) -> Iterator[str]:
    """What `apply` warned of, perhaps long ago. What it refuses is not in force."""
    for remark in check_policy(spec.policy, spec.target):
        if remark.warning:
            yield f"{'.'.join(map(str, remark.path))}: {remark.message}".removeprefix(": ")


def _times(policy: Policy) -> Iterator[str]:
    shortest = min(policy.rpo.values(), default=None)
    if shortest is not None and policy.timeout > shortest:
        promised = f"when the promise of {span(shortest)} is broken"
        yield f"timeout: a run that hangs ends after {span(policy.timeout)}, {promised}"


def _paused(state: PolicyState) -> Iterator[str]:
    if state.paused:
        yield f"paused by {state.paused.by} since {instant(state.paused.at)}: {state.paused.why}"


def _held(hold: Hold | None) -> Iterator[str]:
    if hold:
        yield f"the target is held by {hold.by} since {instant(hold.at)}: {hold.why}"


def _of(spec: Spec, check: str, status: Status, message: str) -> Result:
    return Result(target=spec.target.name, check=check, status=status, subject=spec.policy.name, message=message)

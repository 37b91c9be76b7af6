"""What Elasticsearch's error answers mean: one table, first match wins. Measured on 8.19.2 and 9.2.0; the recorded
answers are in tests/golden/answers, and tests/unit/test_elasticsearch_answers.py runs each of them through this table.

Only an error in Elasticsearch's own shape can mean more than "no answer": a 404 or 403 of a proxy says nothing about a
snapshot or a privilege.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from chalicelib.engines.elasticsearch_privileges import PRIVILEGES

REASON_SHOWN = 300
CAUSES_READ = 10


class Verdict(Enum):
    NOT_THERE = auto()
    """The engine itself says that what was asked for does not exist."""
    RETRY = auto()
    REFUSE = auto()
    UNAUTHENTICATED = auto()
    """Refused, whatever else is asked."""
    NAME_TAKEN = auto()
    UNSUPPORTED = auto()
    REPOSITORY_MISSING = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request: `method` of the port (and `status`, the cheap question of a look; `refresh` and `stats`, those of
    counts; `state`, `nodes`, `settings`, `recovery` and `explain`, those of restores; `settings` and `aliases`, those
    of the configuration; `heap`, one of vitals; `count`, `page`, `live`, `write`, of copies; `configure`), and what it
    was about."""

    method: str
    target: str
    repository: str = ""
    snapshot: str = ""
    index: str = ""

    def __str__(self) -> str:
        about = f"{self.repository}:{self.snapshot}" if self.snapshot else self.repository or self.index
        return f"{self.method} {about} on {self.target}" if about else f"{self.method} on {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An error in Elasticsearch's shape. `reason` has those of its causes appended; `causes` are their types."""

    status: int
    type: str
    reason: str
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """None matches anything. `type` and `reason` are regular expressions, for the whole and for a part; `{repository}`
    and `{snapshot}` in `reason` stand for those of the question. `causes`: False = there is none, True = there are
    some, text = one is of this type.
    """

    verdict: Verdict
    advice: str = ""
    methods: frozenset[str] | None = None
    status: frozenset[int] | None = None
    type: str | None = None
    reason: str | None = None
    causes: str | bool | None = None

    def matches(self, question: Question, answer: Answer) -> bool:
        return (
            (self.methods is None or question.method in self.methods)
            and (self.status is None or answer.status in self.status)
            and (self.type is None or re.fullmatch(self.type, answer.type) is not None)
            and (self.reason is None or re.search(self._reason(question), answer.reason) is not None)
            and self._causes_match(answer)
        )

    def _reason(self, question: Question) -> str:
        known = {"{repository}": question.repository, "{snapshot}": question.snapshot}
        return re.sub(r"\{\w+\}", lambda found: re.escape(known[found[0]]), self.reason or "")

    def _causes_match(self, answer: Answer) -> bool:
        match self.causes:
            case None:
                return True
            case str(expected):
                return expected in answer.causes
            case some:
                return bool(answer.causes) is some


def _on(*methods: str) -> frozenset[str]:
    return frozenset(methods)


def _http(*status: int) -> frozenset[int]:
    return frozenset(status)


RULES: tuple[Rule, ...] = (
    # A removed repository directory answers 404 as well; its reason names the snapshot's uuid, and it has a cause.
    Rule(
        verdict=Verdict.NOT_THERE,
        methods=_on("look", "delete", "contents"),
        status=_http(404),
        type="snapshot_missing_exception",
        reason=r"^\[{repository}:{snapshot}\] is missing$",
        causes=False,
    ),
    Rule(
        verdict=Verdict.RETRY,
        type="snapshot_missing_exception",
        causes=True,
        advice="the repository cannot be read: was its directory or bucket removed or emptied?",
    ),
    Rule(
        verdict=Verdict.NOT_THERE,
        methods=_on("repository"),
        status=_http(404),
        type="repository_missing_exception",
        reason=r"^\[{repository}\] missing$",
        causes=False,
    ),
    # Of one of the names that were asked for; what the key may not see was found out before, for all of them.
    Rule(
        verdict=Verdict.NOT_THERE,
        methods=_on("refresh", "stats", "mappings"),
        status=_http(400, 404),
        type="index_not_found_exception|index_closed_exception",
    ),
    Rule(
        verdict=Verdict.NOT_THERE,
        methods=_on("remove", "recovery", "explain"),
        status=_http(404),
        type="index_not_found_exception",
    ),
    Rule(
        verdict=Verdict.REPOSITORY_MISSING,
        status=_http(404),
        type="repository_missing_exception",
        advice="register the repository on the server, or let `manage: true` do it",
    ),
    Rule(
        verdict=Verdict.UNAUTHENTICATED,
        status=_http(401),
        type="security_exception",
        reason="api key is expired|has been invalidated",
        advice="the API key has expired or was revoked: make a new one and put it into the secret that `auth` names",
    ),
    Rule(
        verdict=Verdict.UNAUTHENTICATED,
        status=_http(401),
        type="security_exception",
        advice="the credentials were not accepted: look at the secret that `auth` names",
    ),
    *(
        Rule(
            verdict=Verdict.REFUSE,
            methods=frozenset(methods),
            status=_http(403),
            type="security_exception",
            reason="is unauthorized for",
            advice=advice,
        )
        for methods, advice in PRIVILEGES
    ),
    # Under both types: before 8.13 or so, and on OpenSearch, only the reason tells a taken name from a bad one.
    Rule(
        verdict=Verdict.NAME_TAKEN,
        methods=_on("start", "try_out"),
        status=_http(400),
        type="snapshot_name_already_in_use_exception|invalid_snapshot_name_exception",
        reason="already exists|already in-progress",
    ),
    # A closed index of that name is overwritten instead: it is looked for before.
    Rule(
        verdict=Verdict.NAME_TAKEN,
        methods=_on("restore"),
        type="snapshot_restore_exception|invalid_index_name_exception|illegal_state_exception",
        reason="already exists|names need to be unique",
    ),
    Rule(verdict=Verdict.REFUSE, methods=_on("restore"), type="snapshot_restore_exception|index_not_found_exception"),
    Rule(
        verdict=Verdict.REFUSE,
        methods=_on("release", "block", "clone", "reopen", "repoint", "configure", "count", "page", "live", "write"),
        status=_http(404),
        type="index_not_found_exception|aliases_not_found_exception",
    ),
    Rule(verdict=Verdict.REFUSE, methods=_on("clone", "repoint", "configure"), type="illegal_state_exception"),
    Rule(
        verdict=Verdict.RETRY, type="concurrent_snapshot_execution_exception", advice="it is busy with other snapshots"
    ),
    Rule(verdict=Verdict.RETRY, type="snapshot_in_progress_exception", advice="it is busy with another snapshot"),
    Rule(verdict=Verdict.RETRY, type="repository_conflict_exception", advice="the repository is in use just now"),
    Rule(verdict=Verdict.RETRY, type="cluster_block_exception", advice="the cluster is blocked just now"),
    Rule(
        verdict=Verdict.REFUSE,
        methods=_on("register"),
        reason="path.repo",
        advice="add the location to path.repo in the elasticsearch.yml of every node, and restart them",
    ),
    Rule(
        verdict=Verdict.REFUSE,
        methods=_on("register"),
        type="repository_verification_exception",
        causes="access_denied_exception",
        advice="the server may not write to the location: its user needs the rights",
    ),
    Rule(
        verdict=Verdict.RETRY,
        methods=_on("register"),
        type="repository_verification_exception",
        advice="not every node can write to the location and read what the others wrote",
    ),
    Rule(
        verdict=Verdict.REFUSE,
        methods=_on("register"),
        type="repository_exception",
        advice="look at `type` and `settings` of the repository; the type may need a plugin",
    ),
    Rule(
        verdict=Verdict.REFUSE,
        methods=_on("start", "try_out", "delete"),
        type="repository_exception",
        reason="(?i)read-?only",
        advice="the repository is registered as read-only",
    ),
    Rule(
        verdict=Verdict.RETRY,
        type="repository_exception",
        reason="concurrent modification|disabled to prevent data corruption",
        advice="the server has disabled the repository, because something else wrote to it or removed its files: "
        "register it again once that is clear",
    ),
    Rule(
        verdict=Verdict.RETRY,
        causes="access_denied_exception",
        advice="the server may not read or write the repository: its user needs the rights",
    ),
    Rule(
        verdict=Verdict.REFUSE,
        type="media_type_header_exception",
        advice="this server is older or newer than what this release speaks (8.x and 9.x)",
    ),
    Rule(
        verdict=Verdict.UNSUPPORTED,
        status=_http(400, 405),
        reason="no handler found|[Ii]ncorrect HTTP method",
        advice="the server does not know this request: is it an Elasticsearch 8 or 9?",
    ),
    Rule(verdict=Verdict.REFUSE, status=_http(400, 403, 406, 410, 413, 415), type=r"\w+_exception"),
    Rule(verdict=Verdict.RETRY),
)


def read(status: int, body: object) -> Answer | None:
    """None: not an error in Elasticsearch's shape. Unknown routes have a plain string as `error`."""
    match body:
        case {"error": str(reason)}:
            return Answer(status=status, type="", reason=reason)
        case {"error": {"type": str(kind)} as error}:
            nested = list(_causes(error))
            reasons = [str(part.get("reason") or "") for part in (error, *nested)]
            reasons.append(str(error.get("additional_unsuccessful_credentials") or ""))  # says why a key is no good
            return Answer(
                status=status,
                type=kind,
                reason="; ".join(dict.fromkeys(reason for reason in reasons if reason)),
                causes=tuple(str(part.get("type") or "") for part in nested),
            )
    return None


def judge(question: Question, answer: Answer) -> Rule:
    return next(rule for rule in RULES if rule.matches(question, answer))


def message(question: Question, answer: Answer, rule: Rule) -> str:
    """One line: what failed, what the server said, what to do."""
    said = " ".join(f"{answer.type}: {answer.reason}".split()).removeprefix(": ")
    shown = said if len(said) <= REASON_SHOWN else f"{said[:REASON_SHOWN]}…"
    return f"{question} failed: {answer.status} {shown}" + (f" ({rule.advice})" if rule.advice else "")


def _causes(error: Mapping[str, object]) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = []
    cause = error.get("caused_by")
    while isinstance(cause, Mapping) and len(found) < CAUSES_READ:
        found.append(cause)
        cause = cause.get("caused_by")
    return found

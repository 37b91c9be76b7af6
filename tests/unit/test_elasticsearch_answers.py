"""Every recorded answer of the real servers, sent through the whole engine: what it makes of it, and what it asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.model import IndexRef, Owner
from chalicelib.core.spec import Repository, Select
from chalicelib.engines.elasticsearch import connect
from tests.record_answers import GOLDEN, VERSIONS, order, outcome
from tests.replay import Replay, Reply, target_of

ACCEPTED = "None"
COUNTED = "(IndexCount(name='counted'"
MEANINGS = {
    "counts": COUNTED,
    "counts-closed-meanwhile": COUNTED,
    "counts-made-anew": "()",
    "counts-missing": COUNTED,
    "counts-red": COUNTED,
    "delete": ACCEPTED,
    "delete-absent": ACCEPTED,
    "delete-directory-removed-absent": ACCEPTED,
    "delete-disabled": "Retryable",
    "delete-no-repository": "RepositoryMissing",
    "delete-readonly": "Refused",
    "delete-running": ACCEPTED,
    "delete-unreadable-absent": ACCEPTED,
    "look-absent": "Absent()",
    "look-directory-removed": "Retryable",
    # Answered from the list of snapshots that the cluster itself keeps: it is not there, whatever became of the files.
    "look-directory-removed-absent": "Absent()",
    "look-disabled": "Retryable",
    "look-disabled-absent": "Retryable",
    "look-doomed": "Absent()",
    "look-in-progress": "InProgress(",
    "look-no-repository": "RepositoryMissing",
    "look-partial": "Complete(",
    "look-readable-again": "Complete(",
    "look-running-aborted": "InProgress(",
    "look-running-absent": "Absent()",
    "look-running-in-progress": "InProgress(",
    "look-running-no-repository": "RepositoryMissing",
    "look-running-partial": "InProgress(",
    "look-running-success": "InProgress(",
    "look-success": "Complete(",
    "look-success-empty": "Complete(",
    "look-tried-out": "Complete(",
    "look-unreadable": "Retryable",
    "look-unreadable-absent": "Absent()",
    "register": ACCEPTED,
    "register-no-location": "Refused",
    "register-outside": "Refused",
    "register-unknown-type": "Refused",
    "register-unwritable": "Refused",
    "repository": "Repository(",
    "repository-missing": "None",
    "resolve-alias-and-missing": "Selection(indices=(IndexRef(name='orders'",
    "resolve-all": "Selection(indices=(IndexRef(name='.ds-logs-shop-",
    "resolve-doubtful": "Selection(indices=(IndexRef(name='.ds-logs-shop-",
    "resolve-empty-cluster": "Selection(indices=(), unmatched=('*',), registered=None)",
    "resolve-no-repository": "Selection(indices=(IndexRef(name='.ds-logs-shop-",
    "resolve-nothing": "Selection(indices=(), unmatched=('zz*',), registered=None)",
    "resolve-stream-alias": "Selection(indices=(IndexRef(name='.ds-logs-shop-",
    "secured-counts": "(IndexCount(name='orders'",
    "secured-counts-forbidden": "Refused",
    "secured-counts-gone": "(IndexCount(name='orders'",
    "secured-counts-some-forbidden": "Refused",
    "secured-delete-absent": ACCEPTED,
    "secured-delete-forbidden": "Refused",
    "secured-look-forbidden": "Refused",
    "secured-refresh-forbidden": "Refused",
    "secured-register": "Refused",
    "secured-resolve": "Selection(indices=(IndexRef(name='orders'",
    "secured-resolve-forbidden": "Refused",
    "secured-start": ACCEPTED,
    "secured-start-forbidden": "Refused",
    "secured-unknown-user": "Unauthenticated",
    "sizes": "Sizes(",
    "sizes-absent": "Retryable",
    "sizes-partial": "Sizes(",
    "sizes-unreadable": "Retryable",
    "start-accepted": ACCEPTED,
    "start-bad-name": "Refused",
    # The server finds out only when it writes: the snapshot disappears, or the repository gets disabled.
    "start-directory-removed": ACCEPTED,
    "start-disabled": "Retryable",
    "start-name-running": "NameTaken",
    "start-name-taken": "NameTaken",
    "start-no-repository": "RepositoryMissing",
    "start-nothing-there": ACCEPTED,
    "start-partial": ACCEPTED,
    "start-readonly": "Refused",
    "start-slow": ACCEPTED,
    "start-too-many": "Retryable",
    "start-unreadable": ACCEPTED,
    "try-out": ACCEPTED,
    "try-out-name-taken": "NameTaken",
}
"""What each case means, written by hand: recording anew cannot change it unseen."""

UNMATCHED = {
    "resolve-alias-and-missing": "('missing',)",
    "resolve-all": "()",
    "resolve-doubtful": "('custmers',)",
    "resolve-stream-alias": "()",
    "secured-resolve": "()",
}
DETAILS = {
    "counts-red": "docs=4, max_seq_no=(3,)),)",
    "look-in-progress": "ending=False",
    "look-running-aborted": "ending=True",
    "look-running-in-progress": "ending=False",
    "look-running-partial": "ending=True",
    "look-running-success": "ending=True",
    "look-tried-out": "indices=(), shards_total=0",
    "resolve-alias-and-missing": "registered=Repository(type='fs'",
    "resolve-all": "registered=Repository(type='fs'",
    "resolve-no-repository": "registered=None",
}
ADVICE = {
    "delete-disabled": "register it again",
    "delete-readonly": "read-only",
    "look-directory-removed": "was its directory or bucket removed",
    "look-disabled": "register it again",
    "look-no-repository": "register the repository",
    "look-unreadable": "its user needs the rights",
    "register-outside": "add the location to path.repo",
    "register-unwritable": "its user needs the rights",
    "secured-counts-forbidden": "indices:monitor/stats, is needed",
    "secured-counts-some-forbidden": "on indices [others]",
    "secured-delete-forbidden": "cluster:admin/snapshot/delete is needed",
    "secured-look-forbidden": "create_snapshot is needed",
    "secured-refresh-forbidden": "indices:admin/refresh, is needed",
    "secured-register": "cluster:admin/repository/put is needed",
    "secured-resolve-forbidden": "cluster:monitor/state, is needed",
    "secured-start-forbidden": "create_snapshot is needed",
    "secured-unknown-user": "look at the secret",
    "start-readonly": "read-only",
    "start-too-many": "busy with other snapshots",
}

RECORDED = sorted(GOLDEN.glob("elasticsearch-*/*.json"))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_meaning_was_recorded_and_every_recording_has_a_meaning(version: str) -> None:
    assert sorted(path.stem for path in (GOLDEN / f"elasticsearch-{version}").iterdir()) == sorted(MEANINGS)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_recorded_answers(path: Path) -> None:
    record = json.loads(path.read_text())
    replies = [Reply(status=exchange["status"], body=exchange["body"]) for exchange in record["exchanges"]]
    with Replay(replies) as server:
        engine = connect(target_of(server.url), None)
        if record["method"] == "start" and "_cluster/state" not in record["exchanges"][0]["request"]:
            engine._streams = {}  # type: ignore[attr-defined]  # as after the `resolve` that the recorder had done before
        found = outcome(lambda: getattr(engine, record["method"])(*_given(record), **record["options"]))

    assert found == record["outcome"]
    assert found.startswith(MEANINGS[path.stem])
    assert ADVICE.get(path.stem, "") in found
    assert DETAILS.get(path.stem, "") in found
    assert path.stem not in UNMATCHED or f", unmatched={UNMATCHED[path.stem]}, " in found
    assert "\n" not in found
    assert [f"{sent.method} {sent.target}" for sent in server.sent] == [each["request"] for each in record["exchanges"]]
    assert engine.calls == len(server.sent)


def _given(record: dict[str, Any]) -> list[Any]:
    match record["method"], record["given"]:
        case "start", [wanted]:
            return [order(wanted["repository"], wanted["snapshot"], *wanted["indices"])]
        case "resolve", [select]:
            return [Select.model_validate(select)]
        case "counts", [indices]:
            return [[IndexRef(**each) for each in indices]]
        case "try_out", [repository, snapshot, owner]:
            return [repository, snapshot, Owner(**owner)]
        case "register", [name, repository]:
            return [name, Repository.model_validate(repository)]
    return list(record["given"])

"""The bugs: what a hurried hand would write. Each replaces one piece of text, which stands exactly once in its file
(tests/unit/test_mutants.py). Those of drills and swaps: restore_bugs.py."""

from tests.mutants.bug import Bug
from tests.mutants.restore_bugs import RESTORES

STORES = ("tests/contract/test_stores.py", "tests/contract/test_store_dynamo.py")
ENGINE = tuple(f"tests/unit/test_elasticsearch_{name}.py" for name in ("connection", "engine", "silence"))


ADVANCE = "chalicelib/service/advance.py"
SETTLE = "chalicelib/service/settle.py"
TELL = "chalicelib/service/tell.py"
TICK = "chalicelib/service/tick.py"
QUEUEING = "chalicelib/service/queueing.py"
LOOKS = "chalicelib/service/backups.py"
BACKUP = "chalicelib/core/workflows/backup.py"
CANCEL = "chalicelib/core/workflows/cancel.py"
DRIVER = "chalicelib/core/workflows/driver.py"
ENDS = "chalicelib/core/workflows/ends.py"
CONTRACT = "chalicelib/core/contract.py"
TRAFFIC = "chalicelib/core/traffic.py"

PROTOCOL = (
    Bug(
        "tell before write",
        ADVANCE,
        "    if stored := settle.store(",
        "    tell.end(world, after)\n    if stored := settle.store(",
    ),
    Bug(
        "act before claim",
        ADVANCE,
        """    if not world.store.commit(Update(after), *evidence, *fence):
        return  # somebody else moved the run first: they go on
    if decision.act is not None and not _act(world, after, decision, engine):
        return
""",
        """    if decision.act is not None and not _act(world, after, decision, engine):
        return
    if not world.store.commit(Update(after), *evidence, *fence):
        return  # somebody else moved the run first: they go on
""",
    ),
    Bug(
        "ignored rev",
        ADVANCE,
        "    if wakeup.rev < run.rev and not acted:\n        return",
        "    if False:\n        return",
    ),
    Bug("busy actor ignored", ADVANCE, "world.clock.now() < run.busy_until and not acted", "False"),
    Bug("anybody counts as the actor", ADVANCE, "wakeup.claim is not None and wakeup.claim == run.claim", "True"),
    Bug(
        "claim without busy_until",
        DRIVER,
        "        busy_until=now + busy if decision.act else None,\n",
        "        busy_until=None,\n",
    ),
    Bug("no fence", ADVANCE, "    fence = [traffic.fenced(after)] if", "    fence = [] if"),
    Bug(
        "no token",
        DRIVER,
        "        rev=run.rev + 1,\n        token=token,\n        steps=",
        "        rev=run.rev + 1,\n        token=run.token,\n        steps=",
    ),
    Bug(
        "losing a write means going on",
        ADVANCE,
        "*evidence, *fence):\n        return  #",
        "*evidence, *fence):\n        pass  #",
    ),
    Bug(
        "no answer is a failure",
        LOOKS,
        "        return ends.no_answer(run, error, world.clock.now(), refused=isinstance(error, Refused))",
        "        return ends.fail(ends.finding('run.failed', run.target, str(error), ''))",
    ),
    Bug(
        "no answer means absent",
        LOOKS,
        "        except RepositoryMissing:\n            if not starting:\n                raise\n",
        "        except (RepositoryMissing, Retryable):\n",
    ),
    Bug("no deadline", ENDS, "    if now >= run.deadline_at:\n        return timed_out(run, str(error))\n", ""),
    Bug("crashes are not counted", DRIVER, "    count = run.crashes + 1\n", "    count = 1\n"),
    Bug(
        "overdue rows are not swept", TICK, "        _each(world, failures, late,", "        _each(world, failures, (),"
    ),
    Bug(
        "slot handled twice",
        TICK,
        "        after = replace(before, cursor=plan.cursor, due_at=plan.next_due)",
        "        after = replace(before, due_at=plan.next_due)",
    ),
)
TRAFFIC_BUGS = (
    Bug(
        "lease ignored",
        TRAFFIC,
        "    if lease and lease.holder not in (None, run_id)",
        "    if False and lease and lease.holder not in (None, run_id)",
    ),
    Bug("lease never expires", TRAFFIC, "(lease.expires_at or NEVER) > now", "True"),
    Bug("slots ignored", TRAFFIC, "    if len(others) >= max_concurrent:", "    if False:"),
    Bug(
        "lease not given back",
        SETTLE,
        "    return (*place, *traffic.release(",
        "    return place or (*place, *traffic.release(",
    ),
    Bug(
        "no line: the first to look goes",
        TRAFFIC,
        "        if other.lease == run.lease:\n            return other.run_id\n",
        "",
    ),
    Bug("nobody is woken", SETTLE, "queueing.next_ones(world, ended) if behind else ()", "()"),
    Bug(
        "place in line kept for ever",
        QUEUEING,
        "    place = [Delete(run.waiting)] if run.waiting else []\n",
        "    place: list[Delete] = []\n",
    ),
)
ENDINGS = (
    Bug(
        "gone means done",
        BACKUP,
        "    if run.state is not State.STARTING or seen.accepted:\n        message",
        "    if run.state is not State.STARTING:\n        return Decision(state=State.SUCCEEDED)\n"
        "    if seen.accepted:\n        message",
    ),
    Bug("PARTIAL passes", CONTRACT, "    if complete.partial or complete.shards_failed:\n", "    if False:\n"),
    Bug(
        "missing indices pass",
        CONTRACT,
        "    if lost:\n        return State.FAILED",
        "    if False:\n        return State.FAILED",
    ),
    Bug(
        "uuid unchecked",
        BACKUP,
        "    if run.snapshot_uuid is not None and found.uuid != run.snapshot_uuid:",
        "    if False:",
    ),
    Bug(
        "strangers are adopted",
        BACKUP,
        "    if found.owner != owner_of(run, seen.installation):",
        "    if found.owner is None:",
    ),
    Bug(
        "_status believed",
        BACKUP,
        "    if moving.ending and state is State.RUNNING:\n        return Decision(state=State.VERIFYING,",
        "    if moving.ending and state is State.RUNNING:\n        return Decision(state=State.SUCCEEDED,",
    ),
    Bug(
        "a check that could not run passes",
        CONTRACT,
        "    good = complete and not promises and not unchecked and level >=",
        "    good = complete and not promises and 'L2' >=",
    ),
    Bug(
        "cancelled before the engine says so",
        CANCEL,
        "        case Complete() | Broken() if not run.aborts:\n            return None\n        case _ if now",
        "        case _ if not isinstance(seen, Complete):\n            return cancelled(run)\n        case _ if now",
    ),
    Bug(
        "cancelled becomes good",
        CANCEL,
        "        case Complete() | Broken() if not run.aborts:\n",
        "        case Complete() | Broken():\n",
    ),
    Bug(
        "cancel removes a finished backup",
        CANCEL,
        "        case Complete() | Broken() if not run.aborts:\n            return None\n",
        "",
    ),
    Bug(
        "a cause is told once and never again",
        "chalicelib/core/results.py",
        "TOLD_AGAIN = timedelta(hours=20)",
        "TOLD_AGAIN = timedelta(days=9999)",
    ),
    Bug(
        "a promise that is kept again stays broken",
        "chalicelib/core/results.py",
        "    return promise.rewound(after, spec, now) if after.active else after",
        "    return after",
    ),
    Bug(
        "told although nobody was",
        TELL,
        "    reported = run.reported or _report(world, run, policy)",
        "    reported = run.reported or _report(world, run, policy) or True",
    ),
    Bug(
        "events that did not go out are forgotten", TELL, "        return run.emitted_rev\n", "        return run.rev\n"
    ),
)
ADAPTERS = (
    Bug(
        "unconditional save",
        "chalicelib/store/dynamo_table.py",
        "        before: Condition = (Item.rev == self.rev) & (Item.token != self.item.token)\n        return before",
        "        return Item.pk.exists()",
        STORES,
        searchable=False,
    ),
    Bug(
        "own lost answer not known",
        "chalicelib/store/dynamo_table.py",
        "    return all(row == (put.item.rev, put.item.token) for put, row in zip(puts, rows, strict=True))",
        "    return False",
        STORES,
        searchable=False,
    ),
    Bug(
        "retry of PUT",
        "chalicelib/engines/elasticsearch_client.py",
        "max_retries=0, retry_on_timeout=False",
        "max_retries=3, retry_on_timeout=True",
        ENGINE,
        searchable=False,
    ),
)
BUGS = (*PROTOCOL, *TRAFFIC_BUGS, *ENDINGS, *RESTORES, *ADAPTERS)

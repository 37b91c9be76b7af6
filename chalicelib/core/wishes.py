"""What can't be meant by the wish for a restore, whatever there is on the server. Pure."""

import shlex

from pydantic_core import PydanticCustomError

from chalicelib.core import elsewhere
from chalicelib.core.errors import Problem
from chalicelib.core.plans import Mode, Wish
from chalicelib.core.values import check_index_pattern, check_prefix

MOST_REPLICAS = 20


def command(wish: Wish) -> str:
    """What plans it once more, typed by a person; it names the backup where the wish does."""
    words = [f"restore plan --policy {wish.policy}"]
    words += [f"--backup {wish.backup}"] if wish.backup else []
    words += [f"--at {wish.at:%Y-%m-%dT%H:%M:%SZ}"] if wish.at else []
    words += [f"--level-at-least {wish.level}"] if wish.level else []
    words += [f"--indices {shlex.quote(pattern)}" for pattern in wish.indices]
    words += [f"--mode {wish.mode}"] if wish.mode is not Mode.RENAME else []
    words += [f"--prefix {shlex.quote(wish.prefix)}"] if wish.prefix != Wish(policy="").prefix else []
    words += [f"--into {wish.into}"] if wish.into else []
    words += [f"--replicas {wish.replicas}"] if wish.replicas is not None else []
    words += ["--allow-partial"] if wish.allow_partial else []
    words += ["--attach-lifecycle"] if wish.attach_lifecycle else []
    words += ["--attach-aliases"] if wish.attach_aliases else []
    return " ".join(words)


def problems(wish: Wish) -> tuple[Problem, ...]:
    """What can't be meant, with the option that says it."""
    inside = wish.mode is Mode.IN_PLACE
    original = wish.mode is Mode.RENAME and not wish.prefix  # where the names are free, they may be those of before
    checks = [] if inside or original else [("--prefix", check_prefix, wish.prefix)]
    checks += [("--indices", check_index_pattern, pattern) for pattern in wish.indices]
    found = []
    for key, check, text in checks:
        try:
            check(text)
        except PydanticCustomError as wrong:
            expected = (wrong.context or {}).get("expected")
            found.append(Problem(wrong.message(), key=key, expected=expected))
    if inside and wish.prefix:
        found.append(Problem("names change in no restore in place", key="--prefix", expected="--mode rename"))
    found += replica_problems(wish)
    if wish.mode is Mode.DRILL:
        found.append(Problem("a drill is no plan of yours", key="--mode", expected="snapwarden drill POLICY"))
    if wish.mode is Mode.SALVAGE:
        wanted = "snapwarden salvage RUN --dry-run, once a restore has brought the indices back"
        found.append(Problem("salvage is no way to restore a backup", key="--mode", expected=wanted))
    if wish.mode is not Mode.RENAME and (wish.attach_aliases or wish.attach_lifecycle):
        key = "--attach-aliases" if wish.attach_aliases else "--attach-lifecycle"
        found.append(Problem(f"{wish.mode} sees to aliases and lifecycle itself", key=key, expected="--mode rename"))
    if wish.mode is Mode.EVERYTHING:
        wanted = "restore plan --everything, without --policy"
        found.append(Problem("everything is not of one policy", key="--mode", expected=wanted))
    found += elsewhere.problems(wish)
    if wish.backup and wish.at:
        found.append(Problem("names a backup and a time", key="--at", expected="one of --backup and --at"))
    return tuple(found)


def replica_problems(wish: Wish) -> tuple[Problem, ...]:
    if wish.replicas is None or 0 <= wish.replicas <= MOST_REPLICAS:
        return ()
    return (Problem(f"{wish.replicas} replicas", key="--replicas", expected=f"0 to {MOST_REPLICAS}"),)

"""Bugs of drills and swaps (bugs.py has the others)."""

from tests.mutants.bug import Bug

SWAP = "chalicelib/core/workflows/swap.py"
SWAP_ENDS = "chalicelib/core/workflows/swap_ends.py"
DRILL = "chalicelib/core/workflows/drill.py"
DRILLS = "chalicelib/service/drills.py"
SWAPS = tuple(f"tests/faults/test_swaps{name}.py" for name in ("", "_broken", "_found", "_killed"))
DRILLED = tuple(
    f"tests/faults/test_{name}.py" for name in ("drills", "drills_deferred", "drills_found", "drill_proofs")
)
SWEPT = ("tests/faults/test_sweeping.py",)
IN_PLACE = "chalicelib/core/workflows/in_place.py"
IN_PLACE_ENDS = "chalicelib/core/workflows/in_place_ends.py"
REPLACED = tuple(f"tests/faults/test_in_place{name}.py" for name in ("", "_found", "_killed"))
SALVAGED = ("tests/faults/test_salvages.py", "tests/faults/test_salvages_any.py")

RESTORES = (
    Bug("clone not compared", SWAP, "    return _compared(run, seen, orders, now)\n", "    return None\n", SWAPS),
    Bug(
        "names that have moved are not recognised",
        SWAP,
        "    if run.repointed_at and swapping.is_after(",
        "    if run.swapped_at and swapping.is_after(",
        SWAPS,
    ),
    Bug("what has swapped keeps its lease", SWAP, ", gives_back=True)", ", gives_back=False)", SWAPS),
    Bug(
        "what is undone goes on refusing writes",
        SWAP_ENDS,
        "    if shut and not over:\n",
        "    if shut and over:\n",
        SWAPS,
    ),
    Bug(
        "finish deletes by name",
        SWAP_ENDS,
        "[one for one in seen.live if old.get(one.name) == one.uuid]",
        "[one for one in seen.live if one.name in old]",
        SWAPS,
    ),
    Bug(
        "finish does not look who is live",
        SWAP_ENDS,
        "    if not swapping.is_live(seen.plan, made(seen), seen.live):",
        "    if False:",
        SWAPS,
    ),
    Bug(
        "rolled back to what is gone",
        SWAP_ENDS,
        "    if not swapping.is_after(seen.plan, made(seen), old, seen.live):",
        "    if old is None:",
        SWAPS,
    ),
    Bug(
        "leftover not told",
        "chalicelib/core/workflows/restore_ends.py",
        "        found = (*run.findings, *left_over(run, mine))\n",
        "        found = run.findings\n",
        DRILLED,
    ),
    Bug(
        "proved although a check could not run",
        DRILL,
        "for found in watched.findings if found.severity is not Severity.INFO}",
        "for found in watched.findings if found.severity is Severity.ERROR}",
        DRILLED,
    ),
    Bug(
        "guards are asked before the start only",
        DRILL,
        "    found = guards.says_no(seen.plan, watched.around) if watched.around and not lost else None\n",
        "    found = None\n",
        DRILLED,
    ),
    Bug(
        "a deferred drill is a pass",
        DRILL,
        '    changes = {"reason": found.message, "findings": (*run.findings, found)}\n',
        '    changes = {"reason": found.message, "findings": (*run.findings, found), "good": True}\n',
        DRILLED,
    ),
    Bug(
        "whatever has the backup's name is drilled",
        DRILLS,
        "drilling.of_plan(plan, there.uuid)",
        "drilling.of_plan(plan, plan.snapshot_uuid)",
        DRILLED,
    ),
    Bug(
        "a failed drill leaves the backup good",
        "chalicelib/core/proofs.py",
        "    if codes:\n        errors",
        "    if len(codes) > 1:\n        errors",
        DRILLED,
    ),
    Bug(
        "the sweeper does not ask for the mark",
        "chalicelib/service/sweeping.py",
        "    return [index for index, ours in known if ours], ",
        "    return [index for index, ours in known if ours is not None], ",
        SWEPT,
    ),
    Bug(
        "replaced without a safety backup",
        IN_PLACE,
        "    if seen.plan.saves and (why := in_place.unsafe(seen.plan, seen.safety)):\n",
        "    if not seen.plan.saves and (why := in_place.unsafe(seen.plan, seen.safety)):\n",
        REPLACED,
    ),
    Bug(
        "what was live is removed like what was made",
        IN_PLACE_ENDS,
        "    return tuple(index for index in mine if index.uuid not in replaced)\n",
        "    return tuple(mine)\n",
        REPLACED,
    ),
    Bug(
        "what was closed stays closed",
        IN_PLACE_ENDS,
        "    if shut and not over:\n",
        "    if shut and over:\n",
        REPLACED,
    ),
    Bug(
        "another restore's data pass for this one's",
        IN_PLACE,
        "if one.mark not in (None, seen.plan.mark)]:",
        "if one.mark == 0]:",
        REPLACED,
    ),
    Bug(
        "only what is missing, and yet replaced",
        "chalicelib/service/salvages.py",
        "salvaging.wanted(found, missing_only=plan.wish.missing_only)",
        "salvaging.wanted(found, missing_only=False)",
        SALVAGED,
    ),
)

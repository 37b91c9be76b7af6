"""Two clusters that reach the same disks: `shop` makes the backups, `spare` has room for what comes back."""

from tests.faults.world import FILE, FusedEngine, Stage

SPARE = """\
  spare:
    engine: elasticsearch
    hosts: [http://localhost:9201]
    auth: {none: true}
    repositories: {own: {type: fs, settings: {location: own}}}
    restore: {allow: [restored-*, drill-*]}
"""
L2 = FILE.replace("    timeout: 4h", "    timeout: 4h\n    prove: L2").replace("policies:\n", SPARE + "policies:\n")
DRILL = L2.replace("    prove: L2", '    prove: L2\n    drill: {schedule: "0 4 * * 0", into: {target: spare}}')
FROM, DRILLS = "snapwarden-from-shop.main", "snapwarden-drill-shop.main"


def backed_up(file: str = L2) -> Stage:
    """Two indices on the first, one backup of them; nothing on the second."""
    stage = Stage(file, indices=("orders", "orders-2"))
    spare = FusedEngine((), repositories=(), clock=stage.clock, looks=1)
    spare.fuse = stage.fuse
    spare.neighbours.append(stage.engine)
    stage.engines["spare"] = spare
    for name in ("orders", "orders-2"):
        stage.engine.write(name, 10)
    stage.engine.refresh()
    stage.backup()
    stage.live(1)
    assert stage.run("backup:nightly:now-1").good
    stage.fuse.effects.clear()
    return stage


def spare(stage: Stage) -> FusedEngine:
    return stage.engines["spare"]


def dead(stage: Stage) -> None:
    """The cluster that made the backups gives no answer any more, for good."""
    stage.engine.outage(10**9)

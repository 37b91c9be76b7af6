"""What `show` says of the capsule of a backup."""

from chalicelib.cli.output import Output
from chalicelib.core.prose import counted
from chalicelib.service.capsules import Compared

SHOWN = 5
"""Paths of a kind; the others are counted, and `--json` has them all."""


def print_capsule(out: Output, found: Compared) -> None:
    if found.key is None:
        out.say("  capsule    none: the cluster's configuration is not stored with this backup")
    elif found.against is None:
        out.say(f"  capsule    {found.key}; no good backup before it has one to compare with")
    elif found.difference is None:
        out.say(f"  capsule    not compared with {found.against}: {found.why}")
    elif not found.difference.count:
        out.say(f"  capsule    no difference to {found.against}")
    else:
        changes = found.difference
        out.say(f"  capsule    {counted(changes.count, 'difference')} to {found.against}")
        for sign, paths in (("+", changes.added), ("-", changes.removed), ("~", changes.changed)):
            for path in paths[:SHOWN]:
                out.say(f"    {sign} {path}")
            if len(paths) > SHOWN:
                out.say(f"    {sign} and {len(paths) - SHOWN} more")

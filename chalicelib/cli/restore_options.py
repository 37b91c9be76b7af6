"""The options of `restore plan`."""

from typing import Annotated

import typer

from chalicelib.core.plans import Mode

Policy = Annotated[
    str | None, typer.Option("--policy", help="Whose backup; needed but for --everything.", show_default=False)
]
Everything = Annotated[
    bool, typer.Option("--everything", help="All that the policies of a target back up, and the configuration.")
]
Target = Annotated[
    str | None, typer.Option("--target", help="With --everything, when there are several.", show_default=False)
]
ConfigurationOf = Annotated[
    str | None,
    typer.Option(
        "--configuration", metavar="BACKUP", help="With --everything: as it stood beside that one.", show_default=False
    ),
]
Skip = Annotated[
    list[int] | None,
    typer.Option("--skip", metavar="PHASE", help="With --everything; may be given again.", show_default=False),
]
Backup = Annotated[
    str | None, typer.Option("--backup", metavar="latest|ID", help="Default: the newest good one.", show_default=False)
]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="The newest that had ended by then.", show_default=False)
]
AtLeast = Annotated[
    str | None, typer.Option("--level-at-least", metavar="LEVEL", help="Proved at least so far.", show_default=False)
]
Indices = Annotated[
    list[str] | None, typer.Option("--indices", metavar="PATTERN", help="May be given again.", show_default=False)
]
Kind = Annotated[
    Mode,
    typer.Option(
        "--mode",
        metavar="rename|swap|in_place",
        help="rename: beside what is live; swap: for it; in_place: over it, after a safety backup.",
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(
        "--prefix",
        help="What new names begin with, default restored-; '' for the original ones, which must be free.",
        show_default=False,
    ),
]
Into = Annotated[
    str | None,
    typer.Option("--into", metavar="TARGET", help="Another target of the file, to restore to.", show_default=False),
]
Replicas = Annotated[
    int | None,
    typer.Option("--replicas", min=0, help="Of each index in the end. Default: as it had.", show_default=False),
]
AllowPartial = Annotated[
    bool, typer.Option("--allow-partial", help="Indices of which shards are missing in the backup are left out.")
]
AttachLifecycle = Annotated[
    bool, typer.Option("--attach-lifecycle", help="With the lifecycle policy that each index had (mode rename).")
]
AttachAliases = Annotated[
    bool, typer.Option("--attach-aliases", help="With the aliases that are only read through (mode rename).")
]

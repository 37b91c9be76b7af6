"""What a key lacks when the server answers 403, by the methods of `elasticsearch_answers.Question`. Measured on 8.19.2
and 9.2.0."""

PRIVILEGES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("look", "status", "sizes", "repository", "start", "try_out", "contents"),
        "the cluster privilege create_snapshot is needed",
    ),
    (
        ("resolve", "state"),
        "the cluster privilege monitor, or just the action cluster:monitor/state, is needed",
    ),
    (
        ("nodes",),
        (
            "the cluster privilege monitor, or just the actions cluster:monitor/nodes/stats and "
            "cluster:monitor/allocation/stats, is needed"
        ),
    ),
    (
        ("settings",),
        "the cluster privilege monitor, or just the action cluster:monitor/settings, is needed",
    ),
    (
        ("aliases",),
        "the privilege view_index_metadata, or just the action indices:admin/aliases/get, is needed on all indices",
    ),
    (("refresh",), "the privilege maintenance, or just the action indices:admin/refresh, is needed on each index"),
    (("stats",), "the privilege monitor, or just the action indices:monitor/stats, is needed on each index"),
    (("delete",), "the action cluster:admin/snapshot/delete is needed"),
    (
        ("register",),
        "the action cluster:admin/repository/put is needed, or register it yourself with `manage: false`",
    ),
    (("restore",), "the action cluster:admin/snapshot/restore is needed"),
    (
        ("recovery",),
        "the privilege monitor, or just the action indices:monitor/recovery, is needed on restored indices",
    ),
    (
        ("explain",),
        "the cluster privilege monitor, or just the action cluster:monitor/allocation/explain, is needed",
    ),
    (("remove",), "the privilege delete_index, or just the action indices:admin/delete, is needed on restored indices"),
    (
        ("standing",),
        (
            "the privilege view_index_metadata, or just the action indices:admin/aliases/get, is needed on what is "
            "swapped or restored in place"
        ),
    ),
    (("block", "reopen"), "the privilege manage is needed on each index that is cloned, and on its clone"),
    (
        ("close", "open"),
        (
            "the privilege manage, or just the actions indices:admin/close* and indices:admin/open, is needed on each "
            "index that is restored in place"
        ),
    ),
    (("clone",), "the privilege manage is needed on each index that is cloned, and on its clone (NAME-before-*)"),
    (("repoint",), "the privilege manage is needed on each index, and on each alias, that is swapped"),
    (
        ("release",),
        "the privilege manage, or just the action indices:admin/settings/update, is needed on restored indices",
    ),
    (
        ("mappings",),
        "the privilege view_index_metadata, or just the action indices:admin/mappings/get, is needed on each index",
    ),
    (
        ("sample", "documents", "hits"),
        "the privilege read is needed on each index that is drilled, and on what drills make",
    ),
    (
        ("vitals",),
        "the cluster privilege monitor, or just the action cluster:monitor/health, is needed",
    ),
    (
        ("heap",),
        "the cluster privilege monitor, or just the action cluster:monitor/nodes/stats, is needed",
    ),
    (("count", "page"), "the privilege read is needed on restored indices"),
    (("live",), "the privilege read is needed on the live index"),
    (
        ("write",),
        "the privilege index is needed on the live index, and auto_configure for fields that its mapping lacks",
    ),
)

"""A local Lambda that runs what was deployed: the zip itself, one process per concurrent call, events from queues and
schedules, and the Invoke API. Nothing of this checkout or its virtualenv is visible to a function.

    runtime = Runtime(Settings(aws=..., project=..., work=..., logs=...))
    runtime.start(); runtime.url; runtime.stop()
"""

from infra.local.runtime.engine import Runtime, Settings

__all__ = ["Runtime", "Settings"]

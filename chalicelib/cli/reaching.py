"""Whether anybody listens where the file says: a wrong address would else show as a run that never starts."""

import socket
from collections.abc import Iterable, Iterator
from queue import Empty, Queue
from threading import Thread
from time import monotonic

from chalicelib.core import addresses
from chalicelib.core.errors import Problem
from chalicelib.core.spec import Target

PATIENCE = 2.0
"""Seconds for all hosts together: names that nobody resolves are asked for much longer than that."""


def warnings(targets: Iterable[Target], patience: float = PATIENCE) -> tuple[Problem, ...]:
    """One for each host that accepts no TCP connection from here. The functions may stand in another network, so that
    is never an error."""
    asked = [(target.name, host) for target in targets for host in target.hosts]
    failed = dict(_failed(dict.fromkeys(host for _, host in asked), patience))
    return tuple(
        Problem(
            f"{addresses.shown(host)} gives no answer from here ({failed[host]}); snapwarden doctor {name} tries it",
            key=f"targets.{name}.hosts",
        )
        for name, host in asked
        if host in failed
    )


def _failed(hosts: Iterable[str], patience: float) -> Iterator[tuple[str, str]]:
    """All at once, by threads that nobody waits for: looking up a name can't be given a time."""
    waiting, answers = set(hosts), Queue[tuple[str, str | None]]()
    for host in waiting:
        Thread(target=lambda url: answers.put((url, _why_not(url, patience))), args=(host,), daemon=True).start()
    end = monotonic() + patience
    while waiting:
        try:
            host, why = answers.get(timeout=max(end - monotonic(), 0.01))
        except Empty:
            break
        waiting.remove(host)
        if why:
            yield host, why
    yield from ((host, f"within {patience:g} s") for host in waiting)


def _why_not(host: str, patience: float) -> str | None:
    try:
        socket.create_connection(addresses.address(host), timeout=patience).close()
    except TimeoutError:
        return f"within {patience:g} s"
    except (OSError, UnicodeError) as error:  # names that can't be written in a request are of the second kind
        return str(getattr(error, "strerror", None) or error)
    return None

"""Where things of the local stage lie, and who may read them.

* `.local/` in the checkout: state file, logs, and the link `servers`.
* the cache: verified downloads, shared by all checkouts of one user.
* the servers folder: what the servers read and write. When we are root they run as `nobody`, who cannot look into
  root's home or into a checkout below a 0700 folder, so it lies outside both and is readable by all.
"""

import hashlib
import os
import pwd
import shutil
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.local.errors import CannotStart

CHECKOUT = Path(__file__).resolve().parents[2]
SPACE_NEEDED = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Places:
    """All folders exist once `places()` has returned them."""

    local: Path
    logs: Path
    cache: Path
    servers: Path


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who the servers run as when we are root (Elasticsearch refuses root)."""

    name: str
    uid: int
    gid: int


def places(checkout: Path = CHECKOUT, environ: Mapping[str, str] = os.environ) -> Places:
    """The folders of this checkout, made when missing. Checks the free space first."""
    local, cache, servers = local_folder(checkout, environ), cache_folder(environ), servers_name(checkout, environ)
    require_space((local, cache, servers))
    make_private_to_write(servers)
    for folder in (local / "logs", cache):
        folder.mkdir(parents=True, exist_ok=True)
    _link(local / "servers", servers)
    return Places(local=local, logs=local / "logs", cache=cache, servers=servers)


def local_folder(checkout: Path = CHECKOUT, environ: Mapping[str, str] = os.environ) -> Path:
    """`$SNAPWARDEN_LOCAL`, else `.local` in the checkout: each is a stage of its own."""
    own = environ.get("SNAPWARDEN_LOCAL")
    return Path(own).expanduser().absolute() if own else checkout / ".local"


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`$SNAPWARDEN_CACHE`, else `snapwarden` in the user's cache folder."""
    own = environ.get("SNAPWARDEN_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "snapwarden"


def servers_name(checkout: Path = CHECKOUT, environ: Mapping[str, str] = os.environ) -> Path:
    """`$SNAPWARDEN_SERVERS`, else a folder of this user and checkout below /var/tmp (which survives a reboot)."""
    own = environ.get("SNAPWARDEN_SERVERS")
    if own:
        return Path(own).expanduser().absolute()
    key = hashlib.sha256(f"{os.geteuid()} {checkout.resolve()}".encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"snapwarden-{key}"


def make_private_to_write(folder: Path) -> None:
    """Make `folder` (0755), or accept it only if it is a real folder of ours that nobody else can write.

    /var/tmp is open to everybody: a link or folder that somebody planted there would have us run their files.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o755, parents=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise CannotStart(f"{folder} is no folder (a link?). Remove it, or set SNAPWARDEN_SERVERS to another folder.")
    if found.st_uid != os.geteuid():
        raise CannotStart(
            f"{folder} belongs to another user (uid {found.st_uid}). Set SNAPWARDEN_SERVERS to a folder of yours."
        )
    folder.chmod(0o755)  # whatever the umask was, and whatever was there


def server_user() -> ServerUser | None:
    """`nobody` when we are root; None otherwise: the servers then run as we do."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise CannotStart(
            "Elasticsearch refuses to run as root and there is no user 'nobody'. Work as another user."
        ) from None
    return ServerUser(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def require_space(folders: Iterable[Path], needed: int = SPACE_NEEDED) -> None:
    """One clear message for all file systems that have less than `needed` bytes free."""
    short: dict[int, str] = {}
    for folder in folders:
        there = folder
        while not there.exists():
            there = there.parent
        free = shutil.disk_usage(there).free
        if free < needed:
            short.setdefault(there.stat().st_dev, f"{folder} has {free / 1024**3:.1f} GB free")
    if short:
        raise CannotStart(
            f"Not enough disk space: {'; '.join(short.values())}; {needed / 1024**3:.0f} GB are needed. Make room, or"
            " point SNAPWARDEN_CACHE (downloads) and SNAPWARDEN_SERVERS (servers and their data) to another disk."
        )


def _link(link: Path, target: Path) -> None:
    """Let `link` point at `target`, replacing whatever link was there in one step."""
    if link.is_symlink() and Path(os.readlink(link)) == target:
        return
    fresh = link.with_name(f"{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
